"""Operators that defer: what they leave to the triggerer, and what they do when they are woken up."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferralError, TaskDeferralTimeout, TaskDeferred
from airflow.triggers.base import TriggerEvent
from tests.unit.airflow_azureml.conftest import KEY, TOKEN, FakeWorkspace, TaskContext, unavailable

from airflow_azureml._awaited import STORE_KEY
from airflow_azureml._waiting import MOST_REFUSALS, TRIGGERER_GRACE_SECONDS, TaskStopped, WaitTimeout
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from airflow_azureml.triggers.run import AzureMLRunTrigger
from airflow_azureml.triggers.service import AzureMLServiceTrigger
from azureml_workspace.errors import (
    InvalidRequest,
    NotFound,
    RunFailed,
    ServiceUnavailable,
    Unauthorized,
    WorkspaceError,
)
from azureml_workspace.statuses import RunStatus, ServiceState

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("clock")]

ENDED = {"status": "ended", "message": "run run-1 is settled."}


def automl(**given: Any) -> AzureMLAutoMLRunOperator:
    arguments: dict[str, Any] = {
        "dataset": {"name": "bank", "version": 2},
        "label_column_name": "y",
        "experiment_name": "bank-exp",
        "deferrable": True,
    } | given
    return AzureMLAutoMLRunOperator(task_id="automl_run", **arguments)


def deploy(**given: Any) -> AzureMLDeployModelOperator:
    arguments: dict[str, Any] = {"model": {"name": "m", "version": 4}, "service_name": "svc-a", "deferrable": True}
    return AzureMLDeployModelOperator(task_id="deploy", **(arguments | given))


def defer(operator: Any, context: TaskContext) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


def wake(operator: Any, context: TaskContext, event: dict[str, Any], deferred: TaskDeferred) -> Any:
    """As the task runner does, in another process: another operator object, and what Airflow kept."""
    payload = TriggerEvent(json.loads(json.dumps(event))).payload  # type: ignore[no-untyped-call]
    return operator.resume_execution(deferred.method_name, {**(deferred.kwargs or {}), "event": payload}, context)


def test_it_defers_to_a_trigger_for_its_run(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED]
    before = time.time()
    deferred = defer(automl(experiment_timeout_minutes=1, queue_timeout_minutes=2, poll_seconds=3), context)
    assert isinstance(deferred.trigger, AzureMLRunTrigger)
    path, given = deferred.trigger.serialize()
    assert path == "airflow_azureml.triggers.run.AzureMLRunTrigger"
    deadline = given.pop("deadline")
    assert before + 180 <= deadline <= time.time() + 180
    assert given == {
        "conn_id": "azureml_default",
        "run_id": "run-1",
        "metric": "AUC_weighted",
        "owns_run": True,
        "poll_seconds": 3.0,
        "outage_seconds": 300.0,
    }
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() == pytest.approx(180 + TRIGGERER_GRACE_SECONDS, abs=10)


def test_link_and_run_are_there_before_it_defers(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED]
    defer(automl(), context)
    assert context.xcom["azureml_run"] == {"conn_id": "azureml_default", "run_id": "run-1"}
    assert context.xcom["azureml_run_url"]


@pytest.mark.parametrize("make", [automl, deploy])
def test_both_modes_return_the_same(workspace: FakeWorkspace, make: Any) -> None:
    waited, deferred = TaskContext(), TaskContext()
    workspace.states = [ServiceState.TRANSITIONING, ServiceState.TRANSITIONING, ServiceState.HEALTHY]
    workspace.statuses = [RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.COMPLETED]
    in_the_worker = make(deferrable=False).execute(waited)
    workspace.states = [ServiceState.TRANSITIONING, ServiceState.HEALTHY]
    workspace.statuses = [RunStatus.RUNNING, RunStatus.COMPLETED]
    assert wake(make(), deferred, ENDED, defer(make(), deferred)) == in_the_worker
    assert deferred.xcom == waited.xcom


def test_what_was_checked_at_submission_is_what_counts(workspace: FakeWorkspace, context: TaskContext) -> None:
    """Templates are rendered again when the task wakes up, and may say something else by then."""
    workspace.statuses = [RunStatus.QUEUED, RunStatus.COMPLETED]
    deferred = defer(automl(model_name="first", model_tags={"hour": "1"}), context)
    result = wake(automl(model_name="second", model_tags={"hour": "2"}), context, ENDED, deferred)
    assert result["model"]["name"] == "first"
    _name, _run, tags = next(what for call, what in workspace.calls if call == "register_model")
    assert tags["hour"] == "1"


def test_nothing_that_is_kept_holds_a_secret(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED]
    deferred = defer(automl(), context)
    kept = json.dumps([deferred.trigger.serialize(), deferred.kwargs, context["task_state_store"], context.xcom])
    assert TOKEN not in kept
    assert KEY not in kept


def test_a_run_that_is_over_is_not_waited_for(workspace: FakeWorkspace, context: TaskContext) -> None:
    """A retry after the worker died on the way to the result."""
    workspace.statuses = [RunStatus.COMPLETED]
    assert automl().execute(context)["run_id"] == "run-1"  # type: ignore[arg-type]


def test_an_outage_after_the_submission_is_left_to_the_trigger(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [unavailable()]
    assert defer(automl(), context).method_name == "resume"


def test_an_outage_when_it_wakes_up_is_borne(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED, unavailable(), unavailable(), RunStatus.COMPLETED]
    assert wake(automl(), context, ENDED, defer(automl(), context))["run_id"] == "run-1"


def test_a_worker_that_died_on_waking_up_is_retried_on_the_same_run(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.statuses = [RunStatus.QUEUED, RunStatus.COMPLETED]
    deferred = defer(automl(), context)

    def die(_run_id: str) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(workspace, "automl_result", die)
        with pytest.raises(MemoryError):
            wake(automl(), context, ENDED, deferred)
    assert automl().execute(context)["run_id"] == "run-1"  # type: ignore[arg-type]
    assert len(workspace.runs) == 1
    assert workspace.cancelled == []


def test_the_event_only_wakes_it_up(workspace: FakeWorkspace, context: TaskContext) -> None:
    """A replayed event, or one that claims too much: the run is what it is, so the wait goes on."""
    workspace.statuses = [RunStatus.RUNNING]
    first = defer(automl(), context)
    with pytest.raises(TaskDeferred) as again:
        wake(automl(), context, ENDED | {"run_status": "Completed"}, first)
    assert again.value.trigger.serialize() == first.trigger.serialize()


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELED])
def test_a_failed_run_fails_the_task(workspace: FakeWorkspace, context: TaskContext, status: RunStatus) -> None:
    workspace.statuses = [RunStatus.QUEUED, status]
    workspace.run_error = "one class only."
    with pytest.raises(RunFailed, match=rf"run run-1 is {status}: one class only\."):
        wake(automl(), context, ENDED, defer(automl(), context))


@pytest.mark.parametrize("left", [RunStatus.RUNNING, RunStatus.CANCEL_REQUESTED, RunStatus.CANCELED])
def test_the_deadline_is_told_and_leaves_no_run(
    workspace: FakeWorkspace, context: TaskContext, left: RunStatus
) -> None:
    workspace.statuses = [RunStatus.QUEUED, left]
    deferred = defer(automl(experiment_timeout_minutes=1, queue_timeout_minutes=2), context)
    with pytest.raises(WaitTimeout, match=r"not done after 180 s, .*queue_timeout_minutes"):
        wake(automl(), context, {"status": "deadline", "message": "late"}, deferred)
    assert workspace.cancelled == ["run-1"]


def test_a_run_that_made_it_at_the_deadline_counts(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED, RunStatus.COMPLETED]
    result = wake(automl(), context, {"status": "deadline", "message": "late"}, defer(automl(), context))
    assert result["run_id"] == "run-1"


def test_execution_timeout_bounds_the_time_deferred(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED, RunStatus.RUNNING]
    task = automl(execution_timeout=timedelta(seconds=40))
    before = time.time()
    deferred = defer(task, context)
    assert before + 35 < deferred.trigger.serialize()[1]["deadline"] <= time.time() + 40
    again = automl(execution_timeout=timedelta(seconds=40))
    with pytest.raises(AirflowTaskTimeout, match="not done after 40 s, the task's execution_timeout"):
        wake(again, context, {"status": "deadline", "message": "late"}, deferred)
    again.on_kill()  # as Airflow does then
    assert workspace.cancelled == ["run-1"]


def test_a_longer_execution_timeout_leaves_the_own_limit(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED]
    task = automl(execution_timeout=timedelta(days=1), experiment_timeout_minutes=1, queue_timeout_minutes=0)
    assert defer(task, context).trigger.serialize()[1]["deadline"] <= time.time() + 60


@pytest.mark.parametrize("status", ["unreachable", "refused"])
def test_what_only_the_triggerer_cannot_see_is_deferred_again_and_then_waited_for_in_the_worker(
    workspace: FakeWorkspace, context: TaskContext, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"status": status, "message": "Unauthorized: wrong token"}
    workspace.statuses = [RunStatus.RUNNING]
    deferred = defer(automl(), context)
    for _ in range(MOST_REFUSALS):
        with pytest.raises(TaskDeferred) as again:
            wake(automl(), context, event, deferred)
        assert again.value.trigger.serialize() == deferred.trigger.serialize()
    assert "The triggerer's process needs the same connection" in capsys.readouterr().out
    workspace.statuses = [RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.COMPLETED]
    assert wake(automl(), context, event, deferred)["run_id"] == "run-1"
    assert workspace.cancelled == []


def test_an_outage_beyond_the_triggerers_patience_holds_no_worker(
    workspace: FakeWorkspace, context: TaskContext, clock: list[float]
) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    deferred = defer(automl(), context)
    workspace.statuses = [unavailable()]
    with pytest.raises(ServiceUnavailable):
        wake(automl(), context, {"status": "unreachable", "message": "away"}, deferred)
    later = TaskContext(try_number=2)
    later["task_state_store"] = context["task_state_store"]
    again = defer(automl(), later)
    assert again.trigger.serialize() == deferred.trigger.serialize()
    assert clock[0] < 60, "a worker waited for what the triggerer waits for"
    assert workspace.cancelled == []


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_token_that_changed_meanwhile(workspace: FakeWorkspace, context: TaskContext, deferrable: bool) -> None:
    refused = Unauthorized("wrong token")
    workspace.statuses = [RunStatus.QUEUED, refused, RunStatus.COMPLETED]
    if deferrable:
        result = wake(automl(), context, ENDED, defer(automl(), context))
    else:
        result = automl(deferrable=False).execute(context)  # type: ignore[arg-type]
    assert result["run_id"] == "run-1"
    workspace.statuses = [refused]
    with pytest.raises(Unauthorized):
        automl(deferrable=False).execute(TaskContext())  # type: ignore[arg-type]


def test_links_need_no_airflow_after_a_deferral(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    defer(automl(), context)
    again = automl()
    with pytest.raises(WaitTimeout):
        again.resume_execution("__fail__", {"error": "Trigger timeout"}, context)  # type: ignore[arg-type]
    (link,) = again.operator_extra_links
    assert link.get_link(again, ti_key=None) == context.xcom["azureml_run_url"] != ""  # type: ignore[arg-type]


def test_without_a_triggerer_the_task_fails_and_leaves_no_run(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    defer(automl(), context)
    with pytest.raises(WaitTimeout, match="see whether `airflow triggerer` runs") as caught:
        automl().resume_execution("__fail__", {"error": "Trigger timeout"}, context)  # type: ignore[arg-type]
    assert isinstance(caught.value.__cause__, TaskDeferralTimeout)
    assert workspace.cancelled == ["run-1"]


def test_a_crashed_trigger_is_left_to_retries_and_the_run_alone(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    defer(automl(), context)
    with pytest.raises(TaskDeferralError):
        automl().resume_execution("__fail__", {"error": "Trigger failure", "traceback": []}, context)  # type: ignore[arg-type]
    assert workspace.cancelled == []


def test_killed_between_submission_and_deferral(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.statuses = [RunStatus.QUEUED]
    task = automl()
    monkeypatch.setattr(context["ti"], "xcom_push", lambda **_pushed: task.on_kill())
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    assert workspace.cancelled == ["run-1"]


def test_killed_before_it_knows_what_it_waits_for(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    deferred, again = defer(automl(), context), automl()
    again.on_kill()
    with pytest.raises(TaskStopped):
        wake(again, context, ENDED, deferred)
    assert workspace.cancelled == ["run-1"]


def test_killed_while_it_wakes_up(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED, unavailable()]
    deferred, again = defer(automl(), context), automl()
    workspace.on_get_run = again.on_kill
    with pytest.raises(TaskStopped):
        wake(again, context, ENDED, deferred)
    assert set(workspace.cancelled) == {"run-1"}


class TestSupersede:
    """A worker died with no tries left, and a person cleared the task: the old run must not go on beside the new."""

    def cleared(self, before: TaskContext) -> TaskContext:
        after = TaskContext(try_number=4, max_tries=5)
        after["task_state_store"] = before["task_state_store"]
        return after

    def test_the_run_that_nobody_waits_for_is_cancelled(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        workspace.statuses = [RunStatus.RUNNING]
        defer(automl(), context)
        assert defer(automl(), self.cleared(context)).trigger.serialize()[1]["run_id"] == "run-2"
        assert workspace.cancelled == ["run-1"]

    def test_a_run_that_ended_is_left_as_it_is(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        workspace.statuses = [RunStatus.COMPLETED]
        automl().execute(context)  # type: ignore[arg-type]
        automl().execute(self.cleared(context))  # type: ignore[arg-type]
        assert workspace.cancelled == []

    def test_a_retry_cancels_nothing(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        workspace.statuses = [RunStatus.RUNNING]
        defer(automl(), context)
        defer(automl(), context)
        assert workspace.cancelled == []

    def test_a_run_that_is_not_there_any_more(
        self, workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace.statuses = [RunStatus.RUNNING]
        defer(automl(), context)

        def gone(run_id: str) -> None:
            raise NotFound(f"no run {run_id!r}")

        monkeypatch.setattr(workspace, "get_run", gone)
        with pytest.raises(NotFound, match="run-2"):
            automl().execute(self.cleared(context))  # type: ignore[arg-type]
        assert "run-1" not in workspace.cancelled

    def test_what_another_version_kept_is_left_alone(self, workspace: FakeWorkspace, context: TaskContext) -> None:
        context["task_state_store"].set(STORE_KEY, {"run": "x"})
        workspace.statuses = [RunStatus.COMPLETED]
        assert automl().execute(context)["run_id"] == "run-1"  # type: ignore[arg-type]


def test_a_lost_state_store_says_what_to_do(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.QUEUED]
    deferred = defer(automl(), context)
    context["task_state_store"].clear()
    with pytest.raises(WorkspaceError, match="clear the task to begin anew"):
        wake(automl(), context, ENDED, deferred)


def test_deferrable_is_an_argument_like_others(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.statuses = [RunStatus.RUNNING, RunStatus.COMPLETED]
    assert automl(deferrable="false").execute(context)["run_id"] == "run-1"  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="deferrable is 'later'"):
        automl(deferrable="later").execute(context)  # type: ignore[arg-type]


def test_deploy_defers_to_a_trigger_for_its_service(workspace: FakeWorkspace, context: TaskContext) -> None:
    deferred = defer(deploy(timeout_minutes=3), context)
    assert isinstance(deferred.trigger, AzureMLServiceTrigger)
    given = deferred.trigger.serialize()[1]
    assert given.pop("deadline") == pytest.approx(time.time() + 180, abs=10)
    assert given == {
        "conn_id": "azureml_default",
        "service_name": "svc-a",
        "poll_seconds": 1.0,
        "outage_seconds": 120.0,
    }


def test_a_deployment_that_is_late_goes_on(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.states = [ServiceState.TRANSITIONING]
    deferred = defer(deploy(timeout_minutes=3), context)
    with pytest.raises(WaitTimeout, match="web service svc-a was not done after 180 s, timeout_minutes"):
        wake(deploy(), context, {"status": "deadline", "message": "late"}, deferred)
    assert workspace.names().count("deploy") == 1
