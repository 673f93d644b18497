"""What becomes of a run when the process that waits for it ends without a result, and what the next try takes up."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowTaskTimeout, TaskDeferralError, TaskDeferred
from airflow.sdk.execution_time.comms import ErrorResponse
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext, TaskStates, run, unavailable

from airflow_azureml._awaited import STORE_KEY
from airflow_azureml._interrupts import Interrupts
from airflow_azureml._waiting import TaskStopped, WaitTimeout
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized
from azureml_workspace.statuses import RunStatus

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("clock")]

LAST_TRY = {"try_number": 3, "max_tries": 2}


def automl(**given: Any) -> AzureMLAutoMLRunOperator:
    arguments: dict[str, Any] = {
        "dataset": "bank",
        "label_column_name": "y",
        "experiment_name": "bank-exp",
        "deferrable": False,
    }
    return AzureMLAutoMLRunOperator(task_id="automl_run", **(arguments | given))


def stopped(workspace: FakeWorkspace, context: TaskContext) -> list[str]:
    """The runs that are cancelled when a task is stopped that waits in its worker."""
    task = automl()
    workspace.statuses = [RunStatus.RUNNING]
    workspace.on_get_run = task.on_kill
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    return workspace.cancelled


def after(context: TaskContext, **ti: int) -> TaskContext:
    """A later try of the same task."""
    later = TaskContext(**ti)  # type: ignore[arg-type]
    later["task_state_store"] = context["task_state_store"]
    return later


class TestStopped:
    @pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", "restarting", None])
    def test_for_good(
        self, workspace: FakeWorkspace, context: TaskContext, states: TaskStates, state: str | None
    ) -> None:
        states.say(state)
        assert stopped(workspace, context) == ["run-1"]

    @pytest.mark.parametrize("state", ["up_for_retry", "scheduled", "queued", "running", "deferred"])
    def test_while_another_try_waits_or_will(
        self, workspace: FakeWorkspace, context: TaskContext, states: TaskStates, state: str
    ) -> None:
        states.say(state)
        assert stopped(workspace, context) == []

    def test_with_its_dag_run_deleted(self, workspace: FakeWorkspace, context: TaskContext, states: TaskStates) -> None:
        states.clear()
        assert stopped(workspace, context) == ["run-1"]

    def test_with_airflow_away(self, workspace: FakeWorkspace, context: TaskContext, states: TaskStates) -> None:
        states.error = AirflowRuntimeError(ErrorResponse())
        assert stopped(workspace, context) == []

    def test_in_its_last_try(self, workspace: FakeWorkspace, states: TaskStates) -> None:
        states.say("running")
        assert stopped(workspace, TaskContext(**LAST_TRY)) == ["run-1"]

    def test_by_one_who_knows_that_it_is_not_tried_again(
        self, workspace: FakeWorkspace, context: TaskContext, states: TaskStates
    ) -> None:
        states.say("running")
        task = automl()
        workspace.statuses, workspace.on_get_run = [RunStatus.RUNNING], task.stop_for_good
        with pytest.raises(TaskStopped):
            task.execute(context)  # type: ignore[arg-type]
        assert workspace.cancelled == ["run-1"]

    def test_a_mapped_task_asks_for_itself(self, workspace: FakeWorkspace, states: TaskStates) -> None:
        stopped(workspace, TaskContext(map_index=3))
        (asked,) = states.asked
        assert asked == {"dag_id": "d", "task_ids": ["automl_run"], "run_ids": ["manual__1"], "map_index": 3}

    def test_a_signal_ends_a_request_that_hangs(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        """Airflow kills the process five seconds after the signal."""
        silent, _other = socket.socketpair()
        task = automl()
        before = signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
        workspace.on_get_run = lambda: (timer.start(), silent.recv(1))
        try:
            with pytest.raises(TaskStopped):
                task.execute(context)  # type: ignore[arg-type]
        finally:
            signal.signal(signal.SIGTERM, before)
        assert workspace.cancelled == ["run-1"]


class TestInterrupts:
    def test_only_where_it_is_allowed(self) -> None:
        interrupts, error = Interrupts(), TaskStopped("now")
        interrupts.interrupt(error)
        with pytest.raises(TaskStopped), interrupts.allowed():
            interrupts.interrupt(error)
        interrupts.interrupt(error)

    def test_held_off_it_comes_afterwards(self) -> None:
        interrupts, passed = Interrupts(), []

        def talk() -> None:
            with interrupts.held_off():
                interrupts.interrupt(TaskStopped("now"))
                passed.append("the end of the message")
            passed.append("never")

        with pytest.raises(TaskStopped), interrupts.allowed():
            talk()
        assert passed == ["the end of the message"]


class TestTakenOver:
    """A process stood still for so long that Airflow took it for dead, and another try waits for its run."""

    def test_its_execution_timeout_is_not_the_other_ones(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        def woken_up_late() -> None:
            later = after(context, try_number=2)
            workspace.on_get_run = lambda: None
            with pytest.raises(TaskDeferred):
                automl(deferrable=True).execute(later)  # type: ignore[arg-type]
            raise AirflowTaskTimeout("Timeout")

        workspace.statuses, workspace.on_get_run = [RunStatus.RUNNING], woken_up_late
        with pytest.raises(AirflowTaskTimeout):
            automl().execute(context)  # type: ignore[arg-type]
        assert workspace.cancelled == []

    def test_its_own_execution_timeout_counts(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        def late() -> None:
            raise AirflowTaskTimeout("Timeout")

        workspace.statuses, workspace.on_get_run = [RunStatus.RUNNING], late
        with pytest.raises(AirflowTaskTimeout):
            automl().execute(context)  # type: ignore[arg-type]
        assert workspace.cancelled == ["run-1"]


class TestErrors:
    def test_one_that_ends_the_task(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        workspace.statuses = [RunStatus.RUNNING, Unauthorized("no")]
        with pytest.raises(Unauthorized):
            automl().execute(context)  # type: ignore[arg-type]
        assert workspace.cancelled == ["run-1"]

    @pytest.mark.parametrize(("ti", "cancelled"), [({}, []), (LAST_TRY, ["run-1"])])
    def test_one_that_may_pass(self, workspace: FakeWorkspace, ti: dict[str, int], cancelled: list[str]) -> None:
        workspace.statuses = [unavailable()]
        with pytest.raises(ServiceUnavailable):
            automl().execute(TaskContext(**ti))  # type: ignore[arg-type]
        assert workspace.cancelled == cancelled

    @pytest.mark.parametrize(("ti", "cancelled"), [({}, []), (LAST_TRY, ["run-1"])])
    def test_a_dead_trigger(self, workspace: FakeWorkspace, ti: dict[str, int], cancelled: list[str]) -> None:
        context = TaskContext(**ti)  # type: ignore[arg-type]
        workspace.statuses = [RunStatus.RUNNING]
        with pytest.raises(TaskDeferred):
            automl(deferrable=True).execute(context)  # type: ignore[arg-type]
        with pytest.raises(TaskDeferralError):
            automl().resume_execution("__fail__", {"error": "Trigger failure"}, context)  # type: ignore[arg-type]
        assert workspace.cancelled == cancelled

    def test_a_check_that_fails_in_a_later_try(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace.statuses = [unavailable()]
        with pytest.raises(ServiceUnavailable):
            automl().execute(context)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest):
            automl(iterations="many").execute(after(context, try_number=2))  # type: ignore[arg-type]
        assert workspace.cancelled == ["run-1"]


class TestSubmission:
    @pytest.mark.parametrize("answered", [True, False])
    def test_a_limit_that_passes_during_it(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch, answered: bool
    ) -> None:
        submit = workspace.submit_automl

        def slow(*args: Any, **given: Any) -> None:
            if answered:
                submit(*args, **given)
            raise AirflowTaskTimeout("Timeout")

        monkeypatch.setattr(workspace, "submit_automl", slow)
        with pytest.raises(AirflowTaskTimeout):
            automl().execute(context)  # type: ignore[arg-type]
        assert workspace.cancelled == (["run-1"] if answered else [])

    def test_one_that_the_workspace_is_still_busy_with(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submit, looks = workspace.submit_automl, []

        def cut_off(*args: Any, **given: Any) -> None:
            looks.append((args, given))
            raise TaskStopped("stopped.")

        def find(key: str) -> Any:
            args, given = looks[0]
            looks.append(key)
            return submit(*args, **given) if len(looks) > 2 else None  # the first look comes too early

        monkeypatch.setattr(workspace, "submit_automl", cut_off)
        monkeypatch.setattr(workspace, "find_run", find)
        with pytest.raises(TaskStopped):
            automl().execute(context)  # type: ignore[arg-type]
        assert workspace.cancelled == ["run-1"]

    def test_a_worker_lost_during_it(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next try finds the run by the key, although it would submit under another one."""
        submit, latest = workspace.submit_automl, [7]
        get = workspace.get_dataset
        monkeypatch.setattr(workspace, "get_dataset", lambda name, version=None: get(name, version or latest[0]))

        def die(*args: Any, **given: Any) -> None:
            submit(*args, **given)
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(workspace, "submit_automl", die)
            with pytest.raises(SystemExit):
                automl().execute(context)  # type: ignore[arg-type]
        assert context["task_state_store"][STORE_KEY]["target"] is None
        latest[0] = 8
        workspace.statuses = [RunStatus.COMPLETED]
        result = automl().execute(after(context, try_number=2))  # type: ignore[arg-type]
        assert (result["run_id"], result["dataset"]["version"], len(workspace.runs)) == ("run-1", 7, 1)

    def test_a_run_that_may_never_start_is_not_waited_for(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On Azure it may be half a submission; submitting the key again tells whether it counts."""
        submit = workspace.submit_automl

        def die(*args: Any, **given: Any) -> None:
            submit(*args, **given)
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(workspace, "submit_automl", die)
            with pytest.raises(SystemExit):
                automl().execute(context)  # type: ignore[arg-type]
        monkeypatch.setattr(workspace, "find_run", lambda _key: run("run-1", RunStatus.NOT_STARTED))
        monkeypatch.setattr(workspace, "submit_automl", _under_way)
        workspace.statuses = [RunStatus.COMPLETED]
        with pytest.raises(ServiceUnavailable, match="under way"):
            automl().execute(after(context, try_number=2))  # type: ignore[arg-type]
        monkeypatch.setattr(workspace, "submit_automl", submit)
        assert automl().execute(after(context, try_number=3))["run_id"] == "run-1"  # type: ignore[arg-type]


def _under_way(*_args: Any, **_given: Any) -> None:
    raise ServiceUnavailable("a submission is under way")


class TestRetry:
    def lost(self, workspace: FakeWorkspace, context: TaskContext, **given: Any) -> None:
        """A worker that died while it waited."""

        def die() -> None:
            raise SystemExit

        workspace.on_get_run = die
        with pytest.raises(SystemExit):
            automl(**given).execute(context)  # type: ignore[arg-type]
        workspace.on_get_run = lambda: None

    def test_takes_up_what_was_submitted_although_the_latest_version_is_another(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        latest, get = [7], workspace.get_dataset
        monkeypatch.setattr(workspace, "get_dataset", lambda name, version=None: get(name, version or latest[0]))
        self.lost(workspace, context)
        latest[0] = 8
        workspace.statuses = [RunStatus.COMPLETED]
        later = after(context, try_number=2)
        assert automl().execute(later)["dataset"]["version"] == 7  # type: ignore[arg-type]
        assert (len(workspace.runs), workspace.cancelled) == (1, [])
        assert later.xcom["azureml_run"] == {"conn_id": "azureml_default", "run_id": "run-1"}
        assert later.xcom["azureml_run_url"]

    def test_has_what_was_left_of_the_time(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        self.lost(workspace, context)
        kept = context["task_state_store"][STORE_KEY]
        kept["limit"]["deadline"] = time.time() - 1
        workspace.statuses = [RunStatus.RUNNING]
        with pytest.raises(WaitTimeout, match=r"run-1 was not done after 1860 s"):
            automl().execute(after(context, try_number=2))  # type: ignore[arg-type]
        assert workspace.cancelled == ["run-1"]

    def test_has_an_execution_timeout_of_its_own(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        given: dict[str, Any] = {"execution_timeout": timedelta(seconds=40), "deferrable": True}
        self.lost(workspace, context, **given)
        context["task_state_store"][STORE_KEY]["try_started"] -= 1000
        workspace.statuses = [RunStatus.RUNNING]
        with pytest.raises(TaskDeferred) as deferred:
            automl(**given).execute(after(context, try_number=2))  # type: ignore[arg-type]
        assert deferred.value.trigger.serialize()[1]["deadline"] > time.time() + 20

    @pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELED])
    def test_begins_anew_after_a_run_without_a_result(
        self, workspace: FakeWorkspace, context: TaskContext, status: RunStatus
    ) -> None:
        self.lost(workspace, context)
        workspace.statuses = [RunStatus.CANCEL_REQUESTED, status, RunStatus.COMPLETED]
        automl().execute(after(context, try_number=2))  # type: ignore[arg-type]
        assert workspace.names().count("submit_automl") == 2

    def test_that_asks_for_something_else_submits_it_and_cancels_the_other(
        self, workspace: FakeWorkspace, context: TaskContext
    ) -> None:
        self.lost(workspace, context)
        workspace.statuses = [RunStatus.RUNNING, RunStatus.COMPLETED]
        result = automl(iterations=3).execute(after(context, try_number=2))  # type: ignore[arg-type]
        assert (result["run_id"], workspace.cancelled) == ("run-2", ["run-1"])
