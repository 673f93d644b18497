"""Fixtures that every part may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
