"""What the blob client raises, as errors of the seam."""

from __future__ import annotations

from typing import Any

import requests

from azureml_workspace.azure_v1.errors import error_of_status, retry_after_in
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable, Unauthorized, WorkspaceError

_NO_CONTAINER = "ContainerNotFound"
_NETWORK = "AuthorizationFailure"
"""What storage says to who comes from a network that its firewall keeps out."""
_REFUSED = frozenset({requests.codes.unauthorized, requests.codes.forbidden})


def blob_error(name: str, error: Exception) -> WorkspaceError:
    """The error that one of `azure-core`'s stands for. `name`: of the blob that was asked for."""
    from azure.core.exceptions import ClientAuthenticationError

    status, code = getattr(error, "status_code", None), _code_of(error)
    if status is None or status < 300:
        if isinstance(error, ClientAuthenticationError):
            return Unauthorized(
                "the credential of the workspace's default datastore cannot be used; give it a new one."
            )
        return ServiceUnavailable(f"Blob storage gave no whole answer about {name} ({type(error).__name__}).")
    if status == requests.codes.not_found:
        if code == _NO_CONTAINER:
            return InvalidRequest("the container of the workspace's default datastore does not exist; make it again.")
        return NotFound(f"there is no blob {name} in the workspace's default datastore.")
    words = f"{_first_line(error)} ({code})" if code else _first_line(error)
    if status in _REFUSED:
        words += f", blob {name}. {_advice(code)}"
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return error_of_status(status, words, retry_after_in(headers), who="Blob storage")


def _advice(code: str) -> str:
    if code == _NETWORK:
        return "The storage account's firewall may keep this machine out: allow its network."
    return (
        "Where the default datastore keeps no key (identity-based access), the identity that signed in needs the role "
        "Storage Blob Data Contributor on the storage account; where it keeps one, that was perhaps replaced: update "
        "the datastore."
    )


def _code_of(error: Any) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _first_line(error: Any) -> str:
    text = str(getattr(error, "message", "")).strip() or type(error).__name__
    return text.splitlines()[0].strip()
