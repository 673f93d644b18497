"""Registering what is no table: 400 with a sentence that helps, and a state folder as it was."""

from __future__ import annotations

import gzip
import http.client
import resource
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from azureml_workspace.connect import open_workspace
from azureml_workspace.errors import InvalidRequest, StorageFull
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetSource
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.integration

GOOD = b"a,b,y\n" + b"1,x,no\n2,z,yes\n" * 30


def _workspace(server: Any) -> Workspace:
    return open_workspace(WorkspaceSettings(backend="local", url=server.url, token=server.token))


def _assert_refused(answer: requests.Response, *expected: str) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "InvalidRequest"
    for text in expected:
        assert text in error["message"]
    assert "/" not in error["message"].replace("N/A", ""), "a path of the server leaked into the message"


@pytest.mark.parametrize(
    ("content", "query", "expected"),
    [
        (b"", {}, ("bad-input", "empty")),
        (b"\n \n", {}, ("white space",)),
        (b"a,b,y\n", {}, ("header of 3 columns and no rows",)),
        (b"a,b,a\n1,2,3\n", {}, ("names 'a' more than once",)),
        (b",a\n0,1\n", {}, ("column 1 of 2 has no name",)),
        (b"a,b\n1,2\n3\n", {}, ("line 3", "found 1 fields", "2")),
        (b"a;b\n1;2\n", {}, ('separator=";"',)),
        (b'a,b\n1,"x\n2,y\n', {}, ("never closed",)),
        (b"a,b\ncaf\xe9,1\n", {}, ("0xe9", "line 2", 'encoding="cp1252"')),
        (b"a,b\n\x00,1\n", {}, ("NUL", "line 2")),
        (gzip.compress(GOOD, mtime=0), {}, ("gzip",)),
        (b"PK\x03\x04xl", {}, ("Excel",)),
        (GOOD, {"encoding": "klingon"}, ("encoding", "'klingon'")),
        (GOOD, {"encoding": "base64"}, ("encoding", "base64")),
        (GOOD, {"separator": ";;"}, ("separator", "';;'")),
        (GOOD, {"separator": '"'}, ("separator",)),
        (GOOD, {"tags": "[1]"}, ("tags", "JSON object")),
        (GOOD, {"tags": "{"}, ("tags", "JSON object")),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_content_or_reading_refused(
    content: bytes, query: dict[str, str], expected: tuple[str, ...], local_server: Any
) -> None:
    _assert_refused(local_server.register("bad-input", content, **query), *expected)


@pytest.mark.parametrize("name", ["-dash", "a b", "%2e%2e%5cx", "x" * 256, "d\u00fc"])
@pytest.mark.usefixtures("unchanged")
def test_dataset_name_refused(name: str, local_server: Any) -> None:
    _assert_refused(local_server.register(name, GOOD), "dataset name", "letter")


@pytest.mark.parametrize("name", ["..%2f..%2fetc", "%2e%2e"])
@pytest.mark.usefixtures("unchanged")
def test_name_that_is_a_path_reaches_nothing(name: str, local_server: Any) -> None:
    assert local_server.register(name, GOOD).status_code in {400, 404, 405}


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}])
@pytest.mark.usefixtures("unchanged")
def test_without_the_token_nothing_is_registered(headers: dict[str, str], local_server: Any) -> None:
    answer = local_server.send("POST", "/v1/datasets/d/versions", data=GOOD, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")


@pytest.mark.usefixtures("unchanged")
def test_a_file_that_is_missing_or_a_folder(local_server: Any, tmp_path: Path) -> None:
    workspace = _workspace(local_server)
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(InvalidRequest, match=path.name):
            workspace.register_dataset("d", DatasetSource(path=str(path)))


@pytest.mark.usefixtures("unchanged")
def test_the_adapter_raises_what_the_server_said(local_server: Any, tmp_path: Path) -> None:
    source = tmp_path / "twice.csv"
    source.write_text("a,a\n1,2\n")
    with pytest.raises(InvalidRequest, match="'a' more than once"):
        _workspace(local_server).register_dataset("d", DatasetSource(path=str(source)))


def test_upload_cut_off_half_way(local_server: Any) -> None:
    before = local_server.contents()
    address = urlsplit(local_server.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("POST", "/v1/datasets/cut-off/versions")
    connection.putheader("Authorization", f"Bearer {local_server.token}")
    connection.putheader("Content-Length", str(8 << 20))
    connection.endheaders()
    connection.send(b"a,b\n" + b"1,2\n" * (1 << 20))
    deadline = time.monotonic() + 30
    while local_server.contents()["files"] == before["files"]:
        assert time.monotonic() < deadline, "the upload never began"
        time.sleep(0.05)
    connection.close()
    while local_server.contents() != before:
        assert time.monotonic() < deadline, "the half upload is still there"
        time.sleep(0.05)


def test_disk_full_while_registering(tmp_path: Path, server_factory: Any) -> None:
    """A limit on the size of a file stands for the full disk: the kernel refuses the write at the same place."""

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    source = tmp_path / "large.csv"
    source.write_bytes(b"a,b,y\n" + b"1234567890,abcdefghij,no\n" * 400_000)
    with server_factory(tmp_path / "home", limit_file_size) as server:
        before = server.contents()
        with pytest.raises(StorageFull, match="nothing was kept"):
            _workspace(server).register_dataset("large", DatasetSource(path=str(source)))
        assert server.contents() == before
        assert server.register("small", GOOD).status_code == 200
