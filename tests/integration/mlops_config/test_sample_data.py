"""Obtaining the sample data from a server that behaves well, badly, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_config.bank_marketing import BANK_MARKETING, BankMarketing
from mlops_config.bank_marketing_generator import generate_bank_marketing
from mlops_config.sample_data import DOWNLOADED_FILE, GENERATED_FILE, obtain_bank_marketing

pytestmark = pytest.mark.integration

ROWS = 300
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


class Server:
    """Answers every request with `answer`, which a test sets; counts the requests."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.answer: Answer = send_all
        self.requests = 0
        self.stop = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                outer.answer(self, outer.content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.example = replace(BANK_MARKETING, url=f"http://127.0.0.1:{self.http.server_port}/bank.csv", rows=ROWS)


def send_all(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    source = tmp_path / "public.csv"
    generate_bank_marketing(source, rows=ROWS, seed=3)
    server = Server(source.read_bytes())
    thread = threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.http.shutdown()
    server.http.server_close()
    thread.join(10)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "new" / "cache"


def _expect_generated(cache: Path, example: BankMarketing, reason: str, timeout: float = 10.0) -> None:
    data = obtain_bank_marketing(cache, timeout_seconds=timeout, example=example)
    assert data.origin == "generated"
    assert data.path == cache / GENERATED_FILE
    assert "GENERATED DATA, NOT THE REAL DATA SET" in data.message
    assert "means NOTHING about real ones" in data.message
    assert reason in data.message
    assert [path.name for path in cache.iterdir()] == [GENERATED_FILE]
    assert len(data.path.read_text().splitlines()) == ROWS + 1


def test_downloads_once_then_uses_the_cache(server: Server, cache: Path) -> None:
    first = obtain_bank_marketing(cache, example=server.example)
    assert (first.origin, first.path) == ("downloaded", cache / DOWNLOADED_FILE)
    assert first.path.read_bytes() == server.content
    second = obtain_bank_marketing(cache, example=server.example)
    assert (second.origin, second.path) == ("cached", first.path)
    assert server.requests == 1
    assert [path.name for path in cache.iterdir()] == [DOWNLOADED_FILE]


def test_line_ends_and_byte_order_mark_do_not_matter(server: Server, cache: Path) -> None:
    server.content = b"\xef\xbb\xbf" + server.content.replace(b"\n", b"\r\n")
    assert obtain_bank_marketing(cache, example=server.example).origin == "downloaded"


def test_missing_on_the_server(server: Server, cache: Path) -> None:
    server.answer = lambda handler, content: handler.send_error(404)
    _expect_generated(cache, server.example, "answered 404")


def test_no_server(server: Server, cache: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/bank.csv"
        _expect_generated(cache, replace(server.example, url=url), "no connection")


def test_trickle_ends_at_the_total_limit(server: Server, cache: Path) -> None:
    """A byte now and then keeps every read timeout of an HTTP library from firing."""

    def trickle(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for place in range(len(content)):
            if server.stop.wait(0.02):
                return
            handler.wfile.write(content[place : place + 1])
            handler.wfile.flush()

    server.answer = trickle
    _expect_generated(cache, server.example, "not complete after 0.5 s", timeout=0.5)


def test_silence_ends_at_the_total_limit(server: Server, cache: Path) -> None:
    server.answer = lambda handler, content: (server.stop.wait(60), None)[1]
    _expect_generated(cache, server.example, "", timeout=0.3)


def test_cut_off_by_the_connection(server: Server, cache: Path) -> None:
    def cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])

    server.answer = cut
    _expect_generated(cache, server.example, "could not be downloaded")


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_cut_off_without_a_length(share: float, server: Server, cache: Path) -> None:
    server.content = server.content[: int(len(server.content) * share)]
    _expect_generated(cache, server.example, f"rows of {ROWS}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Sign in to the network</html>", "it starts '<html>"),
        (b"", "not the Bank Marketing file"),
        (b"age,job\n1,2\n", "it starts 'age,job'"),
        (b"\xff\xfe\x00", "no CSV"),
    ],
)
def test_other_content(content: bytes, reason: str, server: Server, cache: Path) -> None:
    server.content = content
    _expect_generated(cache, server.example, reason)


def test_other_labels(server: Server, cache: Path) -> None:
    server.content = server.content.replace(b",yes\n", b",maybe\n")
    _expect_generated(cache, server.example, "other labels: maybe, no")


def test_generated_is_kept_and_the_download_is_tried_again(server: Server, cache: Path) -> None:
    server.answer = lambda handler, content: handler.send_error(503)
    _expect_generated(cache, server.example, "answered 503")
    before = (cache / GENERATED_FILE).stat()
    _expect_generated(cache, server.example, "answered 503")
    assert (cache / GENERATED_FILE).stat().st_mtime_ns == before.st_mtime_ns
    server.answer = send_all
    assert obtain_bank_marketing(cache, example=server.example).origin == "downloaded"
    assert server.requests == 3
