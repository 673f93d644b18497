"""What a person does to a waiting task in a real scheduler, and that no remote run is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.standalone import Standalone, TaskOfRun, eventually
from tests.local_server import LocalServer
from tests.server_of_fake_jobs import let_go, server_of_fake_jobs

from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.e2e

DAG_FILE = Path(__file__).with_name("dags_waiting.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A real server whose AutoML jobs only wait, so that tests say when they end."""
    server = server_of_fake_jobs(tmp_path_factory.mktemp("fake-jobs"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def airflow(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("standalone")
    (folder / "dags").mkdir()
    shutil.copy(DAG_FILE, folder / "dags")
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    connection = {"conn_type": "azureml", "host": server.url, "extra": extra}
    airflow = Standalone(
        folder / "airflow", folder / "dags", environment={"AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection)}
    )
    try:
        yield airflow.start()
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def tasks(airflow: Standalone) -> dict[str, TaskOfRun]:
    """All tasks of this file, started at once: most of a test would be waiting for Airflow otherwise."""
    wanted = {
        "deferred, marked failed": "waits_deferred",
        "deferred, marked success": "waits_deferred",
        "deferred, cleared": "waits_deferred",
        "deferred, left alone": "waits_deferred",
        "running, marked failed": "waits_in_worker",
        "past its execution_timeout": "waits_briefly",
    }
    return {name: airflow.task(dag_id, airflow.trigger(dag_id), "automl") for name, dag_id in wanted.items()}


def remote_run(task: TaskOfRun, other_than: str | None = None) -> str:
    def pushed() -> str | None:
        run = task.xcom("azureml_run")
        run = json.loads(run) if isinstance(run, str) else run
        return None if run is None or run["run_id"] == other_than else str(run["run_id"])

    return eventually(pushed, what="the run of the task")


def until_canceled(server: LocalServer, run_id: str) -> None:
    eventually(lambda: server.workspace().get_run(run_id).status is RunStatus.CANCELED, what=f"{run_id} is Canceled")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_deferred_task_cancels_its_run(server: LocalServer, tasks: dict[str, TaskOfRun], state: str) -> None:
    task = tasks[f"deferred, marked {state}"]
    task.until_watched()
    run_id = remote_run(task)
    assert not server.workspace().get_run(run_id).status.is_terminal
    task.mark(state)
    until_canceled(server, run_id)
    assert task.state() == state


def test_clearing_a_deferred_task_leaves_one_run(server: LocalServer, tasks: dict[str, TaskOfRun]) -> None:
    task = tasks["deferred, cleared"]
    task.until_watched()
    first = remote_run(task)
    task.clear()
    until_canceled(server, first)
    second = remote_run(task, other_than=first)
    task.until("deferred")
    assert not server.workspace().get_run(second).status.is_terminal


def test_marking_a_running_task_cancels_its_run(server: LocalServer, tasks: dict[str, TaskOfRun]) -> None:
    task = tasks["running, marked failed"]
    run_id = remote_run(task)
    assert task.state() == "running"
    task.mark("failed")
    until_canceled(server, run_id)


def test_execution_timeout_counts_while_deferred(server: LocalServer, tasks: dict[str, TaskOfRun]) -> None:
    task = tasks["past its execution_timeout"]
    run_id = remote_run(task)
    task.until("failed")
    assert "was not done after 12 s, the task's execution_timeout" in task.log()
    until_canceled(server, run_id)


def test_a_deferred_task_ends_with_its_run_and_tells_its_story(
    server: LocalServer, tasks: dict[str, TaskOfRun]
) -> None:
    task = tasks["deferred, left alone"]
    task.until_watched()
    run_id = remote_run(task)
    let_go(server, run_id)
    task.until("success")
    assert server.workspace().get_run(run_id).status is RunStatus.COMPLETED
    log = task.log()
    for words in ("Run AutoML_", "2 trials done", "is Completed: it waited", "Model2 is the best of 3 trials"):
        assert words in log
    assert server.token not in log
