"""A real local server on a state folder of its own, and what a test needs to ask it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
# What a server writes whatever it is asked.
_HOUSEKEEPING = ("server.log", "metadata.db")


@dataclass(frozen=True)
class LocalServer:
    """A running server: its address, token, process id and state folder."""

    url: str
    token: str
    pid: int
    home: Path

    def send(self, method: str, path: str, **request: Any) -> requests.Response:
        """One request with the token, answered within half a minute."""
        headers = {"Authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **request)

    def register(self, name: str, content: bytes, **query: Any) -> requests.Response:
        """Register bytes as the next version of a dataset."""
        return self.send("POST", f"/v1/datasets/{name}/versions", data=content, params=query)

    def contents(self) -> dict[str, Any]:
        """Everything registered and submitted, and every file of the state folder with its size."""
        return {
            "datasets": self.send("GET", "/v1/datasets").json(),
            "runs": self.send("GET", "/v1/runs").json(),
            "files": _sizes(self.home),
        }


def _sizes(home: Path) -> dict[str, int]:
    sizes = {}
    for path in home.rglob("*"):
        if not path.name.startswith(_HOUSEKEEPING):
            with suppress(FileNotFoundError):  # removed since it was listed
                sizes[str(path.relative_to(home))] = path.stat().st_size if path.is_file() else 0
    return sizes


@contextmanager
def run_server(home: Path, preexec: Callable[[], None] | None = None) -> Iterator[LocalServer]:
    """A server process on any free port, ended in the end."""
    command = [sys.executable, "-m", "azureml_local", "serve", "--home", str(home), "--port", "0"]
    with (home.parent / "server.out").open("wb") as output:
        process = subprocess.Popen(
            [*command, "--service-ports", "0"], stdout=output, stderr=output, env=dict(os.environ), preexec_fn=preexec
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        info = home / "server.json"
        while not info.is_file():
            assert process.poll() is None, (home.parent / "server.out").read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        url = json.loads(info.read_text())["url"]
        yield LocalServer(url=url, token=(home / "token").read_text().strip(), pid=process.pid, home=home)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """One server for all tests that ask nothing special of it."""
    with run_server(tmp_path_factory.mktemp("datasets") / "home") as server:
        yield server


@pytest.fixture
def unchanged(local_server: LocalServer) -> Iterator[None]:
    """Fails a test after which the server holds anything that it did not hold before."""
    before = local_server.contents()
    yield
    assert local_server.contents() == before


@pytest.fixture
def server_factory() -> Callable[..., Any]:
    """`run_server`, for a test that needs a server with something special."""
    return run_server
