"""Fixtures that every part may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.azure_server import AzureServer
from tests.azurite_server import AzuriteServer
from tests.local_server import LocalServer


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """One real local Azure ML (`url`, `token`, `home`) that all tests of the session share.

    Give objects names of your own, and leave alone what others made.
    """
    server = LocalServer(tmp_path_factory.mktemp("azureml") / "home")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """One local Azure ML that answers the Azure ML SDK too, and that all tests of the session share."""
    root = tmp_path_factory.mktemp("azure")
    server = AzureServer(root / "home", state_dir=root / "sdk")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteServer]:
    """A Blob storage that all tests of the session share; make containers of your own. Needs npm."""
    server = AzuriteServer(tmp_path_factory.mktemp("azurite"))
    try:
        yield server.start()
    finally:
        server.stop()
