"""kill -9 of the server while many write one document: no write is lost, and none is made twice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.local_server import LocalServer, eventually

from azureml_workspace.connect import open_workspace
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.integration

WRITERS, WRITES = 4, 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """On a port that stays over its restarts, as in production."""
    options = ("--port", str(free_port()), "--service-ports", "0")
    started = LocalServer(home=tmp_path / "home", options=options).start()
    yield started
    started.stop()


def patient(server: LocalServer) -> Workspace:
    return open_workspace(WorkspaceSettings(url=server.url, token=server.token, retry_seconds=60))


def test_no_write_is_lost_or_made_twice(server: LocalServer) -> None:
    def write(writer: int) -> None:
        workspace = patient(server)
        for number in range(WRITES):

            def add(content: dict[str, Any] | None, name: str = f"{writer}-{number}") -> dict[str, Any]:
                """Blind to what is there: made twice it would show."""
                return {"names": [*([] if content is None else content["names"]), name]}

            update_document(workspace, "killed/names", add)

    def written() -> int:
        found = find_document(patient(server), "killed/names")
        return 0 if found is None else len(found.content["names"])

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, writer) for writer in range(WRITERS)]
        for milestone in (5, 20, 35):
            eventually(lambda least=milestone: written() >= least, what=f"{milestone} writes")  # type: ignore[misc]
            server.kill()
            server.start()
        for writer in writers:
            writer.result()
    names = patient(server).read_document("killed/names").content["names"]
    assert sorted(names) == sorted(f"{writer}-{number}" for writer in range(WRITERS) for number in range(WRITES))


def test_a_write_of_a_client_that_repeats_it_is_made_once(server: LocalServer) -> None:
    """The server did it, and the answer was lost: the same request comes again."""
    etag = "0123456789abcdef" * 2
    for _ in range(2):
        answer = server.request("PUT", "/v1/documents/killed/once", params={"etag": etag}, json={"n": 1})
        assert (answer.status_code, answer.json()["etag"]) == (200, etag)
    other = server.request("PUT", "/v1/documents/killed/once", params={"etag": "f" * 32}, json={"n": 1})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "Conflict")
    bad = server.request("PUT", "/v1/documents/killed/twice", params={"etag": "'; DROP"}, json={"n": 1})
    assert bad.status_code == 400
    for body in ("[]", "{", '{"a": NaN}'):
        answer = server.request("PUT", "/v1/documents/killed/twice", data=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequest")
    assert server.request("GET", "/v1/documents/killed/twice").status_code == 404
    assert server.request("GET", "/v1/documents", params={"prefix": "killed"}).json()[0]["path"] == "killed/once"
