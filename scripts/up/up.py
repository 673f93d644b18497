"""`make up`: from the check of the ports to the login."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rich.console import Console
from rich.text import Text

from azureml_local.paths import Home
from azureml_local.server.instance import lock_owner
from azureml_workspace.errors import Conflict
from scripts.run.airflow_database import is_migrated
from scripts.run.airflow_environment import airflow_environment
from scripts.run.layout import Layout
from scripts.up import leftovers
from scripts.up.airflow_api import AirflowApi
from scripts.up.down import ORPHANS_GRACE_SECONDS, stop_airflow, stop_azureml_server
from scripts.up.interrupts import Interrupts
from scripts.up.login import USER, ensure_password
from scripts.up.ports import PortChoice, Ports, require_free
from scripts.up.readiness import LoadedDag, Readiness, look
from scripts.up.state import Up, UpFiles, locked
from scripts.up.supervisor import start
from scripts.up.waiting import StartFailed, wait_until_ready


class MakeUp:
    """One `make up`."""

    def __init__(self, layout: Layout, asked: PortChoice, console: Console) -> None:
        self._layout = layout
        self._asked = asked
        self._console = console
        self._files = UpFiles(layout)
        self._started = time.monotonic()

    def execute(self) -> int:
        """The exit code: 0 when all is healthy and every DAG file gave its DAGs.

        :raises InvalidRequest: a port cannot be had; nothing was started.
        :raises Conflict: a `make run` is at work without a running Airflow, or it is up on other ports.
        :raises StartFailed: something did not come up; everything was stopped again.
        """
        ports = self._asked.ports()
        if (up := self._files.running()) is not None:
            return self._already_up(up)
        with locked(self._layout.local / "run.lock", "a `make run` of this checkout is at work"):
            require_free(ports, except_from=self._in_the_way())  # before anything is ended for nothing
            self._clear_the_way()
            require_free(ports)
            up, readiness = self._start(ports)
        return self._report(up, readiness)

    def _already_up(self, up: Up) -> int:
        if not self._asked.allows(up.ports):
            raise Conflict(
                f"it is up already, with UI_PORT={up.ui_port} and AZUREML_PORT={up.azureml_port}; "
                "`make down` first to have it on other ports."
            )
        self._console.print("It is up already.")
        readiness = look(self._layout, self._api(up), up.pid_started)
        if not readiness.is_complete:  # something was killed and is on its way again
            with Interrupts() as interrupts:
                readiness = self._wait(up, up.pid_started, interrupts)
        return self._report(up, readiness)

    def _in_the_way(self) -> set[int]:
        """The pids of what `_clear_the_way` ends."""
        server = lock_owner(Home(self._layout.azureml_home))
        left = {found.identity.pid for found in leftovers.find(self._layout)}
        return left if server is None else {*left, server.pid}

    def _clear_the_way(self) -> None:
        """End what a killed supervisord left behind, and a local Azure ML that `make run` started.

        The jobs and web services of the latter go on; the new one takes them up.
        """
        if ended := leftovers.end(self._layout, grace_seconds=ORPHANS_GRACE_SECONDS):
            self._say(f"ended {len(ended)} processes that an earlier `make up` left behind")
        if stop_azureml_server(self._layout):
            self._say("the local Azure ML that ran comes under `make up`; its jobs and web services go on")

    def _start(self, ports: Ports) -> tuple[Up, Readiness]:
        with Interrupts() as interrupts:
            try:
                self._prepare_database()
                ensure_password(self._layout)
                since = time.time()
                up = start(self._files, ports, os.environ)
                self._say("supervisord runs; it starts the local Azure ML and Airflow")
                return up, self._wait(up, since, interrupts)
            except BaseException:
                interrupts.ignore()
                self._say("stopping what was started")
                stop_airflow(self._files)
                stop_azureml_server(self._layout)
                raise

    def _prepare_database(self) -> None:
        layout = self._layout
        # A `make run` that came to its end has left its result; one that was killed may have left an open DAG run.
        if is_migrated(layout) and layout.last_run.exists():
            return
        self._say("preparing Airflow's database")
        layout.logs.mkdir(parents=True, exist_ok=True)
        log = layout.logs / "database.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "scripts.run.airflow_database"],
                cwd=layout.root,
                env=airflow_environment(layout, os.environ),
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=0o077,
                check=False,
            )
        if done.returncode != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise StartFailed(f"Airflow's database cannot be had:\n{tail}\nThe whole log: {layout.shown(log)}")

    def _wait(self, up: Up, since: float, interrupts: Interrupts) -> Readiness:
        return wait_until_ready(
            self._files, self._api(up), since, say=self._say, console=self._console, check=interrupts.check
        )

    def _api(self, up: Up) -> AirflowApi:
        return AirflowApi(up.ports.ui_url, USER, ensure_password(self._layout))

    def _report(self, up: Up, readiness: Readiness) -> int:
        console = self._console
        console.print()
        for file, trace in readiness.import_errors.items():
            console.print(Text(f"{file} cannot be imported:\n{trace.rstrip()}\n", "red"))
        for file in readiness.missing:
            console.print(Text(f"{file} gave no DAG so far.", "yellow"))
        lines = [
            ("Airflow", up.ports.ui_url),
            ("  login", f"{USER}, password {ensure_password(self._layout)}"),
            ("local Azure ML", up.ports.azureml_url),
            *(("DAG" if n == 0 else "", _dag_line(dag)) for n, dag in enumerate(readiness.dags)),
            ("logs", f"{self._layout.shown(self._layout.logs)}/*.log"),
        ]
        for name, value in lines:
            console.print(Text.assemble((f"{name:<16} ", "bold"), value), soft_wrap=True)
        console.print("\n`make status` shows what runs, `make down` stops all of it.")
        return 1 if readiness.import_errors else 0

    def _say(self, message: str) -> None:
        self._console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {message}"), soft_wrap=True)


def _dag_line(dag: LoadedDag) -> str:
    notes = [dag.schedule or "started by hand", *(["paused"] if dag.is_paused else [])]
    return f"{dag.dag_id} ({', '.join(notes)})"
