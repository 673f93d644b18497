"""A real local Azure ML server for tests: its own process, folder and ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests

from azureml_local.paths import Home
from azureml_local.server.instance import ServerInfo
from azureml_workspace.local.workspace import LocalWorkspace, open_local
from azureml_workspace.settings import WorkspaceSettings

DEADLINE_SECONDS = 30.0
SERVE = (sys.executable, "-m", "azureml_local", "serve")

_T = TypeVar("_T")


def eventually(look: Callable[[], _T | None], *, seconds: float = DEADLINE_SECONDS, what: str = "condition") -> _T:
    """The first true value of `look`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s; the last value was {value!r}")
        time.sleep(0.02)


@dataclass
class LocalServer:
    """A server on `home`. `url` and `token` are there once it is started."""

    home: Path
    command: Sequence[str] = SERVE
    options: Sequence[str] = ("--port", "0", "--service-ports", "0")
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> LocalServer:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [*self.command, "--home", str(self.home), *self.options],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        process = self.process

        def info() -> ServerInfo | None:
            if process.poll() is not None:
                raise AssertionError(f"the server ended at once: {process.stdout and process.stdout.read().decode()}")
            found = ServerInfo.read(Home(self.home))
            return found if found is not None and found.pid == process.pid else None

        self.url = eventually(info, what="server.json").url
        self.token = (self.home / "token").read_text().strip()
        return self

    @property
    def headers(self) -> dict[str, str]:
        """What authorises a request."""
        return {"Authorization": f"Bearer {self.token}"}

    def workspace(self) -> LocalWorkspace:
        """The seam's adapter for this server."""
        return open_local(WorkspaceSettings(url=self.url, token=self.token, retry_seconds=2), lambda _: None)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request with the token."""
        headers = {**self.headers, **options.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **options)

    def kill(self) -> None:
        """kill -9, of the server alone."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM: the server ends, jobs and services go on."""
        self._end(signal.SIGTERM)

    def stop(self) -> None:
        """End everything of this folder."""
        run_cli("stop", "--home", str(self.home))
        self._end(signal.SIGKILL)
        assert not processes_of(self.home), "stop left processes behind"

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(number)
            self.process.communicate(timeout=DEADLINE_SECONDS)
            self.process = None


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m azureml_local ...`, waited for."""
    return subprocess.run(
        [sys.executable, "-m", "azureml_local", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def processes_of(home: Path) -> list[str]:
    """Command lines of the processes that work in a folder, told by their arguments or where they stand.

    Zombies do not work.
    """
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        command = " ".join(process.info["cmdline"] or [])
        works_there = str(home) in f"{command} {process.info['cwd'] or ''}"
        if works_there and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(command)
    return found
