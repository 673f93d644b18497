"""The surface of an empty workspace, without a server around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.app import create_app
from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.storage import Storage
from azureml_local.azure_api.surface import Surface
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_local.paths import Home
from azureml_local.server.workspace import LocalWorkspace, WorkspaceConfig


@pytest.fixture
def whole_surface(tmp_path: Path) -> Iterator[Surface]:
    """A surface whose workspace has its stores, and none of its background work."""
    home = Home(tmp_path / "home")
    home.create()
    home.azure_api.mkdir()
    addresses = Addresses(plain="http://127.0.0.1:1", secure="https://127.0.0.1:2")
    documents = Documents(home.azure_api / "documents.db")
    storage = Storage(home.azure_api / "storage", home, addresses)
    yield Surface(
        addresses=addresses,
        workspace=LocalWorkspace(WorkspaceConfig(home=home, base_url="http://127.0.0.1:3")),
        documents=documents,
        storage=storage,
        issuer=TokenIssuer("secret"),
        folder=home.azure_api,
    )
    storage.close()
    documents.close()


@pytest.fixture
def client(whole_surface: Surface) -> TestClient:
    """A client with a good token. What the surface did not foresee is an answer to it, as to the SDK."""
    token = whole_surface.issuer.issue("tests", "")
    return TestClient(create_app(whole_surface), headers={"Authorization": f"Bearer {token}"})
