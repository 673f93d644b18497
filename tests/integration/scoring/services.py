"""A web service process under test, on its own port, with its own folder."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil

from azureml_local.insights.query import summarize
from azureml_local.scoring.config import (
    INSIGHTS_FILE,
    LOG_FILE,
    ServiceConfig,
    ServiceStatus,
    read_config,
    read_status,
    write_config,
    write_keys,
)
from azureml_workspace.records import RequestSummary, ServiceKeys

PRIMARY, SECONDARY = "primary-key-of-the-tests", "secondary-key-of-the-tests"
DEADLINE = 20.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `headers` have lowercase names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> list[Any]:
        """The result of a service that answers in Azure's string format, read as an Azure client reads it."""
        result: list[Any] = json.loads(self.json)["result"]
        return result

    @property
    def message(self) -> str:
        message: str = self.json["error"]["message"]
        return message


@dataclass
class ServiceProcess:
    """`python -m azureml_local.scoring`, and the control plane's side of its files."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def prepare(cls, folder: Path, package: Path, **settings: Any) -> Self:
        """The folder and the files of a service, not started."""
        folder.mkdir(parents=True, exist_ok=True)
        service = cls(folder, settings.pop("port", None) or free_port())
        config: dict[str, Any] = {
            "generation": 1,
            "name": "bank-marketing",
            "host": "127.0.0.1",
            "port": service.port,
            "model_dir": str(package),
            "model_name": "bank",
            "model_version": 1,
            "auth_enabled": True,
            "app_insights_enabled": False,
            "response_format": "string",
        }
        write_config(folder, ServiceConfig(**(config | settings)))
        write_keys(folder, ServiceKeys(primary=PRIMARY, secondary=SECONDARY))
        return service

    def launch(self) -> Self:
        """Start the process, without waiting for it."""
        with (self.folder / LOG_FILE).open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "azureml_local.scoring", str(self.folder)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def start(self) -> Self:
        """Start the process and wait until it is Healthy."""
        self.launch()
        status = self.wait_status(lambda status: status.pid == self.pid)
        assert status.state == "Healthy", f"{status.error}\n{self.log_text}"
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def wait_exit(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process is not None else 0
        self.process.terminate()
        return self.wait_exit()

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait_exit()

    def update(self, **changes: Any) -> ServiceStatus:
        """Change the desired state, and wait until it is applied or refused."""
        config = replace(read_config(self.folder), **changes)
        config = replace(config, generation=config.generation + 1)
        write_config(self.folder, config)
        return self.wait_status(lambda status: status.generation == config.generation)

    def wait_status(self, condition: Callable[[ServiceStatus], bool]) -> ServiceStatus:
        def look() -> ServiceStatus | None:
            status = read_status(self.folder)
            if status is None and self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the process ended without a status\n{self.log_text}")
            return status if status is not None and condition(status) else None

        return wait_for(look)

    @property
    def log_text(self) -> str:
        path = self.folder / LOG_FILE
        return path.read_text() if path.exists() else ""

    def summary(self) -> RequestSummary:
        return summarize(self.folder / INSIGHTS_FILE, "bank-marketing", True)

    @property
    def resident_bytes(self) -> int:
        resident: int = psutil.Process(self.pid).memory_info().rss
        return resident

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        connection = self.connect()
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def score(self, payload: Any, *, key: str | None = PRIMARY, headers: Mapping[str, str] | None = None) -> Reply:
        """POST /score. `payload` is sent as it is when it is bytes, else as JSON (Python's, which knows NaN)."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.request("POST", "/score", body, sent | dict(headers or {}))


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on a connection that stays open."""
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(look: Callable[[], _T | None], seconds: float = DEADLINE) -> _T:
    """Poll until `look` gives something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("nothing came of it before the deadline")
        time.sleep(0.01)
