"""`airflow standalone` with a home of its own: SQLite, LocalExecutor, all four components, and its REST interface."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests

T = TypeVar("T")

_START_SECONDS = 240.0
_USER = {"username": "admin", "password": "admin"}


def eventually(look: Callable[[], T | None], *, what: str, seconds: float = 60.0) -> T:
    """The first true value of `look`."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds:g} s; it is {value!r}"
        time.sleep(0.25)
    return value


@dataclass
class Standalone:
    """An Airflow whose DAGs are the files in `dags`."""

    home: Path
    dags: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 4
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def start(self) -> Standalone:
        """Start it and wait until all components are healthy."""
        (self.home / "plugins").mkdir(parents=True)
        passwords = self.home / "passwords.json"
        passwords.write_text(json.dumps({_USER["username"]: _USER["password"]}))
        api, worker_logs, trigger_logs = _free_ports(3)
        self.url = f"http://127.0.0.1:{api}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.variables = inherited | {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.home),
            # Process titles are written over the environment otherwise, by which `processes` tells its own.
            "SPT_NOENV": "1",
            # As under `make up`: a busy machine gets beyond what SQLite does by default.
            "PYTHONPATH": str(Path(__file__).parents[2] / "scripts" / "airflow_settings"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=120",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "60",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.home / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": str(self.parallelism),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER['username']}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": "of-this-test-and-of-nothing-else-0123456789-0123456789",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **self.environment,
        }
        airflow = str(Path(sys.executable).with_name("airflow"))
        with (self.home / "standalone.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, airflow, "standalone"],
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._is_healthy, what="a healthy Airflow", seconds=_START_SECONDS)
        return self

    def stop(self) -> None:
        """End it at once: nothing in its home is needed any more."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        while left := self.processes():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=5)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Its processes, told by their AIRFLOW_HOME, whose command line has all those words."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                    continue
                is_ours = process.environ().get("AIRFLOW_HOME") == str(self.home)
                if is_ours and all(word in " ".join(process.cmdline()) for word in words):
                    found.append(process)
        return found

    def log(self) -> str:
        """What it printed."""
        return (self.home / "standalone.log").read_text()

    def command(self, *arguments: str) -> str:
        """What `airflow ...` prints."""
        airflow = str(Path(sys.executable).with_name("airflow"))
        done = subprocess.run(
            [sys.executable, airflow, *arguments],
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The answer of the REST interface, None for 404."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        answer = requests.request(method, f"{self.url}/api/v2{path}", headers=headers, timeout=30, **request)
        if answer.status_code == requests.codes.not_found:
            return None
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else {}

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """The run id of a new DAG run."""
        eventually(lambda: self.call("GET", f"/dags/{dag_id}"), what=f"DAG {dag_id}")
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> TaskOfRun:
        """One task of a DAG run."""
        return TaskOfRun(self, dag_id, run_id, task_id, map_index)

    def _token(self) -> str:
        return str(requests.post(f"{self.url}/auth/token", json=_USER, timeout=30).json()["access_token"])

    def _is_healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"airflow standalone ended: {self.log()[-3000:]}"
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except requests.RequestException:
            return False
        components = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(health.get(name, {}).get("status") == "healthy" for name in components)


@dataclass(frozen=True)
class TaskOfRun:
    """A task instance, seen and acted on as a person does in the UI."""

    airflow: Standalone
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def _path(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"

    @property
    def _own_path(self) -> str:
        return self._path if self.map_index < 0 else f"{self._path}/{self.map_index}"

    def read(self) -> dict[str, Any]:
        """The task instance; empty while it is not there, as before a task is mapped."""
        found: dict[str, Any] | None = self.airflow.call("GET", self._own_path)
        return found or {}

    def state(self) -> str | None:
        """Its state."""
        state: str | None = self.read().get("state")
        return state

    def xcom(self, key: str) -> Any:
        """What it pushed, None when it has not."""
        asked = {"deserialize": True, "map_index": self.map_index}
        entry = self.airflow.call("GET", f"{self._path}/xcomEntries/{key}", params=asked)
        return None if entry is None else entry["value"]

    def until(self, *states: str, seconds: float = 60.0) -> str:
        """Wait for one of the states."""
        return eventually(
            lambda: state if (state := self.state()) in states else None,
            what=f"{self.task_id} of {self.run_id} is {' or '.join(states)}",
            seconds=seconds,
        )

    def until_watched(self) -> None:
        """Wait until it is deferred and a triggerer has taken its trigger."""
        self.until("deferred")
        eventually(lambda: "starting" in self.log() or None, what="the trigger")

    def until_asked(self, times: int = 1) -> None:
        """Wait until it asks a person for that time, and the scheduler knows that its process has ended.

        Airflow 3.3 fails a task that is answered before that: it finds a process that ended well and a task that is
        queued.
        """
        ended = re.compile(
            rf"Received executor event with state success .*task_id='{self.task_id}', run_id='{re.escape(self.run_id)}'"
        )
        # A task that was answered has ended once more.
        eventually(lambda: len(ended.findall(self.airflow.log())) >= 2 * times - 1 or None, what="the question")
        self.until("awaiting_input")

    def mark(self, state: str) -> None:
        """Mark it."""
        self.airflow.call("PATCH", self._own_path, json={"new_state": state})

    def clear(self) -> None:
        """Clear it, so that it runs again."""
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [self.task_id], "only_failed": False}
        self.airflow.call("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)

    def question(self) -> dict[str, Any]:
        """What it asks a person, and the answer; empty while it has not asked."""
        found: dict[str, Any] | None = self.airflow.call("GET", f"{self._path}/{self.map_index}/hitlDetails")
        return found or {}

    def answer(self, option: str, **params: Any) -> None:
        """Answer what it asks."""
        body = {"chosen_options": [option], "params_input": params}
        self.airflow.call("PATCH", f"{self._path}/{self.map_index}/hitlDetails", json=body)

    def log(self, attempt: int = 1) -> str:
        """Its log, one line for each entry; an error's message is added."""
        asked = {"full_content": True, "map_index": self.map_index}
        answer = self.airflow.call("GET", f"{self._path}/logs/{attempt}", params=asked)
        lines = []
        for entry in (answer or {}).get("content", []):
            if isinstance(entry, str):
                lines.append(entry)
                continue
            errors = [error.get("exc_value", "") for error in entry.get("error_detail") or []]
            lines.append(" ".join([str(entry.get("event")), *errors]))
        return "\n".join(lines)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        return [bound.getsockname()[1] for bound in sockets]
    finally:
        for bound in sockets:
            bound.close()
