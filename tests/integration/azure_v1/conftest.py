"""One server whose faults a test scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.azure_wire.server import WireServer


@pytest.fixture(scope="module")
def wire_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireServer]:
    with WireServer(tmp_path_factory.mktemp("wire")) as server:
        yield server


@pytest.fixture
def wire(wire_server: WireServer) -> Iterator[WireServer]:
    """With a clean script."""
    wire_server.script.clear()
    yield wire_server
    wire_server.script.clear()
