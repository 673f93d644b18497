"""What a person does to a waiting task in a real scheduler, and that no remote run is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from tests.e2e.standalone import Standalone, TaskOfRun, eventually
from tests.local_server import LocalServer
from tests.server_of_fake_jobs import let_go, server_of_fake_jobs

from azureml_drops.ledger import DropEvent, DropStatus, note, read_drop
from azureml_gate.approval import NOBODY, read_approval
from azureml_gate.decision import Check, DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.store import store_decision
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.e2e

DAG_FILES = [Path(__file__).with_name(name) for name in ("dags_waiting.py", "dags_approval.py")]


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
    for file in DAG_FILES:
        shutil.copy(file, folder / "dags")
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    connection = {"conn_type": "azureml", "host": server.url, "extra": extra}
    environment = {
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection),
        # A worker that stands still is taken for dead after this.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    }
    airflow = Standalone(folder / "airflow", folder / "dags", environment, parallelism=8)
    try:
        yield airflow.start()
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def tasks(airflow: Standalone) -> dict[str, TaskOfRun]:
    """All tasks of this file, started at once: most of a test would be waiting for Airflow otherwise."""
    wanted = {
        "in a late DAG run": "waits_in_a_late_run",  # first: its time runs from now on
        "deferred, marked failed": "waits_deferred",
        "deferred, marked success": "waits_deferred",
        "deferred, cleared": "waits_deferred",
        "deferred, left alone": "waits_deferred",
        "running, stands still": "waits_in_worker",
        "running, marked failed": "waits_in_worker",
        "running, marked success": "waits_in_worker",
        "running, cleared": "waits_in_worker",
        "past its execution_timeout": "waits_briefly",
    }
    return {name: airflow.task(dag_id, airflow.trigger(dag_id), "automl") for name, dag_id in wanted.items()}


def decision(server: LocalServer, drop_key: str) -> DecisionRecord:
    """A stored decision to promote, of a drop that was trained."""
    now, challenger = datetime.now(UTC), Versioned(name="shop", version=2)
    made = DecisionRecord(
        decision_id=drop_key,
        at=now,
        request=GateRequest(
            service="shop",
            candidate_service="shop-candidate",
            challenger=challenger,
            holdout=Versioned(name="shop-holdout", version=1),
            label="y",
            drop_dataset="shop",
            drop_key=drop_key,
        ),
        champion=Versioned(name="shop", version=1),
        verdict=Verdict.PROMOTE,
        reason="It is better by 0.0123.",
        checks=(Check(name="AUC_weighted", outcome="passed", detail="0.91 beside 0.90", observed=0.0123, limit=-0.01),),
    )
    event = DropEvent(
        status=DropStatus.TRAINED, at=now, fingerprint="sha256:1", model_name="shop", model_version=challenger.version
    )
    note(server.workspace(), "shop", drop_key, event)
    return store_decision(server.workspace(), made)


def status_of(server: LocalServer, drop_key: str) -> DropStatus:
    found = read_drop(server.workspace(), "shop", drop_key)
    assert found is not None
    return found.latest.status


def asked(airflow: Standalone, dag_id: str, made: DecisionRecord, **conf: object) -> tuple[TaskOfRun, TaskOfRun]:
    """The task that asks and the one after it."""
    run_id = airflow.trigger(dag_id, decision=made.path, **conf)
    return airflow.task(dag_id, run_id, "approve"), airflow.task(dag_id, run_id, "promote")


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


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_running_task_cancels_its_run(server: LocalServer, tasks: dict[str, TaskOfRun], state: str) -> None:
    task = tasks[f"running, marked {state}"]
    run_id = remote_run(task)
    assert task.state() == "running"
    task.mark(state)
    until_canceled(server, run_id)
    assert task.state() == state


def test_clearing_a_running_task_leaves_one_run(server: LocalServer, tasks: dict[str, TaskOfRun]) -> None:
    task = tasks["running, cleared"]
    first = remote_run(task)
    task.clear()
    until_canceled(server, first)
    second = remote_run(task, other_than=first)
    assert not server.workspace().get_run(second).status.is_terminal


def test_a_worker_that_stood_still_leaves_the_run_to_the_try_that_took_over(
    server: LocalServer, tasks: dict[str, TaskOfRun]
) -> None:
    task = tasks["running, stands still"]
    run_id = remote_run(task)
    process = psutil.Process(task.read()["pid"])
    supervisor = process.parent()
    assert supervisor is not None
    for stopped in (supervisor, process):
        stopped.suspend()
    try:
        eventually(
            lambda: task.read()["try_number"] == 2 and task.state() == "running", what="the second try", seconds=150
        )
        eventually(lambda: "An earlier try began" in task.log(2), what="that it takes the run up")
    finally:
        for stopped in (supervisor, process):
            stopped.resume()
    eventually(
        lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, what="the end of the first"
    )
    assert "goes on; another try of this task takes it up" in task.log(1)
    assert not server.workspace().get_run(run_id).status.is_terminal
    let_go(server, run_id)
    task.until("success")
    assert remote_run(task) == run_id


def test_a_late_dag_run_leaves_no_run(server: LocalServer, tasks: dict[str, TaskOfRun]) -> None:
    task = tasks["in a late DAG run"]
    run_id = remote_run(task)
    task.until("skipped")
    until_canceled(server, run_id)


def test_a_mapped_task_is_told_from_its_siblings(airflow: Standalone, server: LocalServer) -> None:
    dag_run = airflow.trigger("waits_mapped")
    marked, left_alone = (airflow.task("waits_mapped", dag_run, "automl", map_index) for map_index in (0, 1))
    for task in (marked, left_alone):
        task.until_watched()
    run_id, other = remote_run(marked), remote_run(left_alone)
    marked.mark("failed")
    until_canceled(server, run_id)
    assert left_alone.state() == "deferred"
    assert not server.workspace().get_run(other).status.is_terminal


def test_execution_timeout_counts_while_deferred(server: LocalServer, tasks: dict[str, TaskOfRun]) -> None:
    task = tasks["past its execution_timeout"]
    run_id = remote_run(task)
    task.until("failed")
    assert "was not done after 40 s, the task's execution_timeout" in task.log()
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


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_a_person_approves_or_rejects_a_promotion(airflow: Standalone, server: LocalServer, option: str) -> None:
    made = decision(server, f"drop-{option}")
    approve, promote = asked(airflow, "asks_a_person", made)
    approve.until_asked()
    question = approve.question()
    assert question["subject"] == "Promote shop version 2 to shop?"
    for words in ("It is better by 0.0123.", "| AUC_weighted | passed | 0.0123 | -0.01 |", made.path):
        assert words in question["body"]
    approve.answer(option, note="as agreed")
    approve.until("success")
    promote.until("success" if option == "Approve" else "skipped")
    answer = read_approval(server.workspace(), made)
    assert answer is not None
    assert (answer.approved, answer.by, answer.note) == (option == "Approve", "admin", "as agreed")
    assert status_of(server, f"drop-{option}") is (DropStatus.TRAINED if option == "Approve" else DropStatus.REJECTED)
    assert approve.xcom("return_value")["approved"] is (option == "Approve")


def test_a_person_may_change_their_mind(airflow: Standalone, server: LocalServer) -> None:
    made = decision(server, "drop-mind")
    approve, promote = asked(airflow, "asks_a_person", made)
    approve.until_asked()
    approve.answer("Reject", note="no")
    promote.until("skipped")
    approve.until("success")
    approve.clear()
    approve.until_asked(times=2)
    assert made.path in approve.question()["body"], "of the same decision, so that what it shows is right"
    approve.answer("Approve", note="yes, then")
    approve.until("success")
    answer = read_approval(server.workspace(), made)
    assert answer is not None
    assert (answer.approved, answer.note) == (True, "yes, then")


def test_no_answer_in_time_is_a_rejection(airflow: Standalone, server: LocalServer) -> None:
    made = decision(server, "drop-unanswered")
    approve, promote = asked(airflow, "asks_a_person_briefly", made)
    approve.until("success")
    promote.until("skipped")
    answer = read_approval(server.workspace(), made)
    assert answer is not None
    assert (answer.approved, answer.by) == (False, NOBODY)
    assert status_of(server, "drop-unanswered") is DropStatus.REJECTED


def test_nobody_is_asked_when_approval_is_not_required(airflow: Standalone, server: LocalServer) -> None:
    made = decision(server, "drop-unasked")
    approve, promote = asked(airflow, "asks_a_person", made, required=False)
    promote.until("success")
    assert approve.question() == {}
    assert approve.xcom("return_value") == {
        "decision": made.path,
        "asked": False,
        "approved": True,
        "by": "",
        "note": "",
    }
    assert read_approval(server.workspace(), made) is None
