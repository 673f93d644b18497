"""Files of datasets at an address of the web: what is fetched, and what is not said on the way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from azureml_local.azure_api.datasets import downloads
from azureml_local.azure_api.datasets.downloads import download
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, StorageFull

pytestmark = pytest.mark.unit

CONTENT = b"a,b\n1,2\n" * 100


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.headers["Host"], self.headers["Authorization"]))
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", f"http://{self.path.partition('?')[2]}/x.csv")
            self.end_headers()
            return
        self.send_response(200 if self.path == "/x.csv" else 404)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A web server, under two names; the user's ~/.netrc knows a password for both."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login l password secret\nmachine localhost login l password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    Handler.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        yield web.server_address[1]
        web.shutdown()


def test_a_file(port: int, tmp_path: Path) -> None:
    assert download(f"http://127.0.0.1:{port}/x.csv", tmp_path / "x").read_bytes() == CONTENT
    with pytest.raises(InvalidRequest, match="404"):
        download(f"http://127.0.0.1:{port}/y.csv", tmp_path / "y")


def test_nobody_is_shown_the_users_passwords(port: int, tmp_path: Path) -> None:
    download(f"http://127.0.0.1:{port}/moved?127.0.0.1:{port}", tmp_path / "x")
    download(f"http://127.0.0.1:{port}/moved?localhost:{port}", tmp_path / "x")
    assert [shown for _, shown in Handler.seen] == [None] * 4


def test_what_the_address_holds_is_shown_to_that_host_alone(port: int, tmp_path: Path) -> None:
    download(f"http://u:p@127.0.0.1:{port}/moved?127.0.0.1:{port}", tmp_path / "x")
    download(f"http://u:p@127.0.0.1:{port}/moved?localhost:{port}", tmp_path / "x")
    same, again, other, last = (shown for _, shown in Handler.seen)
    assert same == again == other == "Basic dTpw"
    assert last is None


def test_a_file_that_is_too_large(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", len(CONTENT) - 1)
    with pytest.raises(InvalidRequest, match="more than 799 bytes"):
        download(f"http://127.0.0.1:{port}/x.csv", tmp_path / "x")


def test_a_server_that_takes_too_long(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, downloads.MOST_SECONDS + 1)
    monkeypatch.setattr(downloads, "_now", lambda: next(clock))
    with pytest.raises(ServiceUnavailable, match="within 900 s"):
        download(f"http://127.0.0.1:{port}/x.csv", tmp_path / "x")


def test_a_full_disk(port: int) -> None:
    with pytest.raises(StorageFull):
        download(f"http://127.0.0.1:{port}/x.csv", Path("/dev/full"))
