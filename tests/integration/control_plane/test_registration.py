"""Registering over HTTP when things go wrong on the way."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from tests.integration.control_plane.conftest import MakeServer
from tests.local_server import LocalServer, eventually

from azureml_workspace.errors import StorageFull
from azureml_workspace.records import DatasetSource, DatasetVersion

pytestmark = pytest.mark.integration

LIMIT = 1_000_000


def chunks(megabytes: int) -> Iterator[bytes]:
    yield b"x,y\n"
    line = b"1234567,yes\n"
    for _ in range(megabytes):
        yield line * (1_000_000 // len(line))


def half_made(server: LocalServer) -> list[str]:
    return [folder.name for folder in (server.home / "datasets").iterdir() if folder.name.startswith(".tmp-")]


def test_a_full_disk_is_said_and_nothing_is_kept(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(fake_jobs=False)
    server.command = (sys.executable, str(Path(__file__).with_name("limited_server.py")), str(LIMIT))
    server.start()
    big, small = tmp_path / "big.csv", tmp_path / "small.csv"
    big.write_bytes(b"".join(chunks(2)))
    small.write_text("x,y\n1,yes\n")
    workspace = server.workspace()
    with pytest.raises(StorageFull, match="nothing was kept"):
        workspace.register_dataset("people", DatasetSource(path=str(big)))
    response = server.request("POST", "/v1/datasets/people/versions", data=chunks(3))
    assert (response.status_code, response.json()["error"]["code"]) == (507, "StorageFull")
    assert list((server.home / "datasets").iterdir()) == []
    assert server.request("GET", "/v1/datasets").json() == []
    assert workspace.register_dataset("people", DatasetSource(path=str(small))).version == 1


def test_an_upload_without_the_token_is_refused_whatever_its_size(shared_server: LocalServer) -> None:
    url = f"{shared_server.url}/v1/datasets/secret/versions"
    for data in (chunks(20), b"".join(chunks(20))):
        response = requests.post(url, data=data, headers={"Authorization": "Bearer wrong"}, timeout=30)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "Unauthorized")
    assert half_made(shared_server) == []


def test_a_client_that_goes_away_leaves_nothing(shared_server: LocalServer) -> None:
    host, port = str(urlsplit(shared_server.url).hostname), int(urlsplit(shared_server.url).port or 0)
    with socket.create_connection((host, port)) as connection:
        head = (
            "POST /v1/datasets/gone/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n"
            f"Authorization: Bearer {shared_server.token}\r\n\r\n"
        )
        connection.sendall(head.encode() + b"x,y\n1,yes\n")
        eventually(lambda: half_made(shared_server), what="the beginning of the upload")
    eventually(lambda: not half_made(shared_server), what="the end of the upload")
    assert shared_server.request("GET", "/v1/datasets/gone").status_code == 404


def test_one_content_sent_by_many_at_once_is_one_version(shared_server: LocalServer, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_bytes(b"".join(chunks(1)))
    together = threading.Barrier(5)
    made: list[DatasetVersion] = []

    def register() -> None:
        together.wait()
        made.append(shared_server.workspace().register_dataset("at-once", DatasetSource(path=str(path))))

    threads = [threading.Thread(target=register) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.version for version in made] == [1] * 5
    assert sum(version.created for version in made) == 1
    assert half_made(shared_server) == []


def test_an_upload_passes_through_without_being_held(shared_server: LocalServer) -> None:
    assert shared_server.process is not None
    process = psutil.Process(shared_server.process.pid)
    before, most = process.memory_info().rss, 0

    def watched() -> Iterator[bytes]:
        nonlocal most
        for chunk in chunks(100):
            yield chunk
            most = max(most, process.memory_info().rss)
        yield b"\x00"  # no text: refused before it is read as a table

    response = shared_server.request("POST", "/v1/datasets/passing/versions", data=watched())
    assert response.status_code == 400
    assert most - before < 40_000_000
    assert half_made(shared_server) == []


def test_other_requests_are_answered_during_an_upload(shared_server: LocalServer) -> None:
    def slow() -> Iterator[bytes]:
        yield b"x,y\n1,yes\n"
        for _ in range(3):
            assert shared_server.request("GET", "/v1/workspace").status_code == 200
            yield b"2,no\n"

    assert shared_server.request("POST", "/v1/datasets/slow/versions", data=slow()).json()["rows"] == 4
