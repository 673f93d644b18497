"""A real Airflow for the pages: its database, DAG runs made by `dag.test()`, and an API server of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tests.local_server import LocalServer, eventually

RUN_DAG = Path(__file__).parents[2] / "e2e" / "run_dag.py"
DAGS = Path(__file__).parent / "ui_dags"
PASSWORDS = {"admin": "admin-password", "guest": "guest-password"}
"""By user. `guest` has no role, which lets it sign in and see nothing."""


@dataclass
class UIAirflow:
    """An Airflow home, and the API server below `root` once it is started."""

    home: Path
    server: LocalServer
    root: str = ""
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        (self.home / "plugins").mkdir(parents=True)
        (self.home / "passwords.json").write_text(json.dumps(PASSWORDS))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{self.root}"

    @property
    def environment(self) -> dict[str, str]:
        """Of each of its processes."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return inherited | {
            "HOME": str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.home / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,guest:",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, long enough for algorithms that want 64 bytes",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    @property
    def connection(self) -> str:
        """`azureml_default` as JSON."""
        extra = {"backend": "local", "token_file": str(self.server.home / "token")}
        return json.dumps({"conn_type": "azureml", "host": self.server.url, "extra": extra})

    def migrate(self) -> None:
        """Make the database, with the connection in it: the API server has to read it from there too."""
        self._run("-m", "airflow", "db", "migrate")
        self._run("-m", "airflow", "connections", "add", "azureml_default", "--conn-json", self.connection)

    def run_dag(self, dag_id: str, **conf: Any) -> dict[str, Any]:
        """Run a DAG to its end; `run_id`, and `xcom` by task and key."""
        out = self.home / "out.json"
        # A trigger that runs inside `dag.test()` finds no connection that is in the database.
        environment = {"AIRFLOW_CONN_AZUREML_DEFAULT": self.connection}
        self._run(str(RUN_DAG), str(DAGS / f"{dag_id}.py"), json.dumps(conf), str(out), **environment)
        ran: dict[str, Any] = json.loads(out.read_text())
        assert ran["state"] == "success", ran
        return ran

    def start(self) -> None:
        """Start the API server and wait until it answers."""
        self.log = (self.home / "api-server.log").open("wb")
        command = [sys.executable, "-m", "airflow", "api-server"]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        process = self.process

        def answers() -> bool:
            assert process.poll() is None, (self.home / "api-server.log").read_text()
            try:
                return requests.get(f"{self.url}/api/v2/version", timeout=5).ok
            except requests.ConnectionError:
                return False

        eventually(answers, seconds=120, what="the API server")

    def stop(self) -> None:
        """End the API server with all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=30)
            self.log.close()

    def session(self, user: str) -> requests.Session:
        """A browser's session after the login: its cookie, and no header."""
        answer = requests.post(
            f"{self.url}/auth/token", json={"username": user, "password": PASSWORDS[user]}, timeout=30
        )
        session = requests.Session()
        session.cookies.set("_token", answer.json()["access_token"])
        return session

    def _run(self, *arguments: str, **environment: str) -> None:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
