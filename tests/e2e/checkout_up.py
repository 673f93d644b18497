"""A checkout of its own in which `make up` is run: other ports, another home, nothing shared but the environment."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from tests.local_server import eventually

from scripts.run.layout import Layout
from scripts.up.airflow_api import AirflowApi
from scripts.up.state import Up, UpFiles
from scripts.up.supervisor import Supervisor

ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass
class UpCheckout:
    """`root` has the scripts and DAGs of this project and, as a link, its environment."""

    root: Path
    home: Path
    ui_port: int
    azureml_port: int
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, **environment: str) -> UpCheckout:
        root, home = folder / "checkout", folder / "home"
        home.mkdir()
        for name in ("scripts", "dags"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        (root / ".local").mkdir()
        (root / ".local" / "venv").symlink_to(Path(sys.prefix))
        ui_port, azureml_port = free_ports(2)
        return cls(root, home, ui_port, azureml_port, environment)

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    @property
    def files(self) -> UpFiles:
        return UpFiles(self.layout)

    def python(self, *arguments: str) -> list[str]:
        return [str(self.root / ".local" / "venv" / "bin" / "python"), *arguments]

    @property
    def variables(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AZUREML"))}
        return inherited | {"HOME": str(self.home)} | dict(self.environment)

    def run(self, *arguments: str, seconds: float = 280) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.python("-m", *arguments),
            cwd=self.root,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    @property
    def up_words(self) -> list[str]:
        return ["scripts.up", "up", f"--ui-port={self.ui_port}", f"--azureml-port={self.azureml_port}"]

    def up(self) -> subprocess.CompletedProcess[str]:
        return self.run(*self.up_words)

    def down(self) -> subprocess.CompletedProcess[str]:
        return self.run("scripts.up", "down")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Like `run`, and not waited for."""
        return subprocess.Popen(
            self.python("-m", *arguments),
            cwd=self.root,
            env=self.variables | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ui_port}"

    @property
    def password(self) -> str:
        return str(json.loads((self.root / ".local" / "airflow" / "passwords.json").read_text())["admin"])

    def api(self) -> AirflowApi:
        return AirflowApi(self.url, "admin", self.password)

    def record(self) -> Up:
        up = self.files.running()
        assert up is not None, "it is not up"
        return up

    def pid(self, component: str) -> int:
        """Of the process that supervisord has for it now; 0 while it has none."""
        return next(each.pid for each in Supervisor(self.files).processes() if each.name == component)

    def processes(self) -> dict[int, str]:
        """Command lines of everything that this checkout has running, by pid.

        Told by the command line, the folder or any variable of the environment, so more widely than `make down` looks.
        """
        found: dict[int, str] = {}
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                traces = f"{command} {process.cwd()} {process.environ()}"
                alive = process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if str(self.root) in traces and alive and process.pid != os.getpid():
                found[process.pid] = command
        return found

    def dag_run(self, dag_id: str, **conf: Any) -> str:
        """Start one; gives its id."""
        return self.api().start_run(dag_id, conf)

    def finished(self, dag_id: str, run_id: str, *, seconds: float = 200) -> dict[str, str]:
        """States of the tasks once the run has ended; the run's own is under the empty name."""
        api = self.api()

        def ended() -> str | None:
            state = api.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state if state in {"success", "failed"} else None

        state = eventually(ended, seconds=seconds, what=f"end of {run_id}")
        tasks = api.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {"": state} | {task["task_id"]: task["state"] for task in tasks}
