"""One cell of the fault table: a DAG run of one deferred AutoML task, and a component killed at a given moment."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import psutil
import requests
from tests.e2e.topology.airflow_api import AirflowApi
from tests.e2e.topology.container import Container
from tests.e2e.topology.topology import Topology
from tests.local_server import eventually

from azureml_workspace.local.workspace import LocalWorkspace, open_local
from azureml_workspace.records import Run
from azureml_workspace.settings import WorkspaceSettings

DAG_ID, TASK_ID = "fault_cell", "automl_run"
PROPERTY = "fault_table_row"

SERVICES = {
    "a worker": "airflow-worker",
    "the triggerer": "airflow-triggerer",
    "the scheduler": "airflow-scheduler",
    "the local Azure ML": "azureml",
}
MOMENTS = ("at submit", "during the run", "at the end")

_MOMENT_SECONDS = 60.0
_END_SECONDS = 120.0
_GONE_SECONDS = 15.0


class TooLate(Exception):
    """The moment passed before the component could be killed, as it may on a busy machine. Another cell may do."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """`tries` of the task, `seconds` from trigger to end, `orphans` as many processes as were left."""

    killed: str
    when: str
    dag_run: str
    remote_runs: int
    tries: int
    seconds: int
    orphans: int


def remote_runs(topology: Topology, experiment: str) -> list[Run]:
    """The experiment's runs, the newest first."""
    answer = requests.get(
        f"{topology.url(8790)}/v1/runs",
        params={"experiment": experiment},
        headers={"Authorization": f"Bearer {topology.variables['AZUREML_TOKEN']}"},
        timeout=30,
    )
    return [Run.from_dict(run) for run in answer.json()]


def workspace_of(topology: Topology) -> LocalWorkspace:
    """The topology's local Azure ML, seen from here."""
    settings = WorkspaceSettings(url=topology.url(8790), token=topology.variables["AZUREML_TOKEN"], retry_seconds=30)
    return open_local(settings, lambda _: None)


def task_processes(worker: Container) -> list[psutil.Process]:
    """The processes in which a Celery worker runs tasks now, by the title that Airflow gives them."""
    return [process for process in worker.processes() if _command(process).startswith("airflow worker -- ")]


def busy_worker(topology: Topology) -> Container:
    """The worker that runs most; any when none runs anything."""
    return max(topology.of(SERVICES["a worker"]), key=lambda worker: len(task_processes(worker)))


def job_processes(topology: Topology) -> list[psutil.Process]:
    """AutoML jobs of the local Azure ML, with all they started."""
    (azureml,) = topology.of("azureml")
    return [process for process in azureml.processes() if "azureml_local.automl" in _command(process)]


def leftovers(topology: Topology) -> list[psutil.Process]:
    """Processes that work on something although no DAG run is under way; given a while to go."""
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        tasks = [found for worker in topology.of(SERVICES["a worker"]) for found in task_processes(worker)]
        left = tasks + job_processes(topology)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


class Cell:
    """`dataset` is registered already."""

    def __init__(self, topology: Topology, api: AirflowApi, *, killed: str, when: str, dataset: str) -> None:
        self._topology = topology
        self._api = api
        self._killed = killed
        self._when = when
        self._experiment = f"cell-{uuid.uuid4().hex[:12]}"
        self._conf = {"experiment": self._experiment, "dataset": dataset}

    def run(self) -> Row:
        """Trigger, wait for the moment, kill, and see how it ends. :raises TooLate:"""
        began = time.monotonic()
        self._run_id = self._api.trigger(DAG_ID, self._conf)
        self._await_moment()
        self._kill()
        state = self._api.await_end(DAG_ID, self._run_id, _END_SECONDS)
        seconds = time.monotonic() - began
        return Row(
            killed=self._killed,
            when=self._when,
            dag_run=state,
            remote_runs=len(self._remote_runs()),
            tries=self._task()["try_number"],
            seconds=round(seconds),
            orphans=len(leftovers(self._topology)),
        )

    def story(self) -> str:
        """For the message of a cell that is not green: the remote runs, and the log of every try."""
        tries = range(1, self._task()["try_number"] + 1)
        logs = [self._api.log(DAG_ID, self._run_id, TASK_ID, number) for number in tries]
        return "\n".join([*(repr(run) for run in self._remote_runs()), *logs])

    def _await_moment(self) -> None:
        if self._when == "at submit":
            self._await(self._remote_runs, "the submission")
        elif self._when == "during the run":
            self._await(lambda: any(run.status.value == "Running" for run in self._remote_runs()), "the run's start")
            self._await(lambda: self._task()["state"] == "deferred", "the deferral")
        else:
            self._await(lambda: any(run.status.is_terminal for run in self._remote_runs()), "the run's end")
            if self._killed == "a worker":  # before that no worker has anything to do with it
                self._await(lambda: self._task()["state"] == "running", "the resumption")

    def _kill(self) -> None:
        container = self._to_be_killed()
        pids = container.kill()
        assert pids, f"{container.spec.name} did not run"
        if self._task_has_ended():
            raise TooLate

    def _to_be_killed(self) -> Container:
        if self._killed != "a worker":
            return self._topology.of(SERVICES[self._killed])[0]
        if self._when != "during the run":  # then the task is in the triggerer, and no worker is busy with it
            self._await(lambda: task_processes(busy_worker(self._topology)), "a busy worker")
        return busy_worker(self._topology)

    def _remote_runs(self) -> list[Run]:
        return remote_runs(self._topology, self._experiment)

    def _task(self) -> dict[str, Any]:
        return self._api.tasks(DAG_ID, self._run_id)[TASK_ID]

    def _await(self, look: Callable[[], Any], what: str) -> None:
        """:raises TooLate: the task ended without it."""

        def looked() -> Any:
            ended = self._task_has_ended()  # before the look, which may be true all the same
            found = look()
            if ended and not found:
                raise TooLate
            return found

        eventually(looked, seconds=_MOMENT_SECONDS, what=what)

    def _task_has_ended(self) -> bool:
        return self._task()["state"] in {"success", "failed"}


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of a Markdown table."""
    names = [field.name.replace("_", " ") for field in fields(Row)]
    lines = [names, ["---"] * len(names), *([str(value) for value in astuple(row)] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
