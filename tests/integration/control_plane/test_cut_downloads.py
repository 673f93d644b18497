"""A dataset's file on its way from the server, when the connection is lost in the middle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from azureml_workspace.connect import open_workspace
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.integration

CONTENT = b"x,y\n" + b"1,2\n" * 100_000


class _Cutting(BaseHTTPRequestHandler):
    """Sends half of the file for the first `cuts` requests."""

    cuts = 0
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("X-Dataset-Separator", "%3B")
        self.send_header("X-Dataset-Encoding", "cp1252")
        self.end_headers()
        is_cut = len(self.seen) <= self.cuts
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if is_cut else CONTENT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[type[_Cutting]]:
    handler = type("Cutting", (_Cutting,), {"seen": []})
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{listener.server_port}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield handler
    listener.shutdown()
    thread.join()
    listener.server_close()


def opened(server: type[_Cutting], retry_seconds: float) -> Workspace:
    url = server.url  # type: ignore[attr-defined]
    return open_workspace(WorkspaceSettings(url=url, token="sesame-token", retry_seconds=retry_seconds))


def test_a_cut_is_borne(server: type[_Cutting], tmp_path: Path) -> None:
    server.cuts = 2
    file = opened(server, 5).download_dataset("people", 3, tmp_path)
    assert (file.separator, file.encoding) == (";", "cp1252")
    assert Path(file.path).read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [Path(file.path)]
    assert server.seen == ["/v1/datasets/people/versions/3/source"] * 3


def test_a_server_that_always_cuts(server: type[_Cutting], tmp_path: Path) -> None:
    server.cuts = 1000
    with pytest.raises(ServiceUnavailable):
        opened(server, 0.5).download_dataset("people", 3, tmp_path)
    assert list(tmp_path.iterdir()) == []
