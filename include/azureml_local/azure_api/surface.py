"""What the modules of this package share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.storage import Storage
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_local.server.workspace import LocalWorkspace


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The addresses, the workspace that does the work, and what is remembered beside it. `folder` is theirs alone."""

    addresses: Addresses
    workspace: LocalWorkspace
    documents: Documents
    storage: Storage
    issuer: TokenIssuer
    folder: Path
