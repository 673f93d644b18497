from __future__ import annotations

import inspect
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)
from tests.unit.airflow_azureml.conftest import TaskContext, unavailable
from tests.unit.airflow_azureml.fake_pipelines import FakePipelines

from airflow_azureml.sensors.pipeline_run import AzureMLPipelineRunSensor
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

SUBMITTED = {"run_id": "run-1", "status": "Queued", "portal_url": "http://portal/run-1"}
"""What a trigger task that did not wait returned."""


@pytest.fixture
def pipelines(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> FakePipelines:
    fake = FakePipelines()
    monkeypatch.setattr("airflow_azureml.hook.open_workspace", lambda *_args, **_kwargs: fake)
    return fake


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time passes by sleeping alone; what was slept."""
    slept: list[float] = []
    fake = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("airflow.sdk.bases.sensor.time", fake)
    return slept


def sensor(**given: Any) -> AzureMLPipelineRunSensor:
    arguments: dict[str, Any] = {"run": SUBMITTED, "poke_interval": 30, "timeout": 600} | given
    return AzureMLPipelineRunSensor(task_id="wait", **arguments)


def resumed(task: AzureMLPipelineRunSensor, context: TaskContext, status: str) -> Any:
    event = {"status": status, "message": "what happened", "run_id": "run-1"}
    return task.resume_execution("resume", {"event": event}, context)  # type: ignore[arg-type]


def test_it_waits_in_its_worker_until_the_run_ends(
    pipelines: FakePipelines, context: TaskContext, naps: list[float]
) -> None:
    result = sensor().execute(context)  # type: ignore[arg-type]
    assert (result["run_id"], result["status"]) == ("run-1", "Completed")
    assert result["model"] == {"name": "m", "version": 4}
    assert naps == [30, 30]
    assert context.xcom["azureml_run"] == {"conn_id": "azureml_default", "run_id": "run-1"}


def test_a_run_id_as_text(pipelines: FakePipelines, context: TaskContext, naps: list[float]) -> None:
    assert sensor(run="run-7").execute(context)["run_id"] == "run-7"  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELED])
def test_a_run_that_failed_fails_the_task_at_once_with_the_reason(
    pipelines: FakePipelines, context: TaskContext, status: RunStatus
) -> None:
    pipelines.statuses, pipelines.run_error = [status], "step automl (run a): one class only."
    with pytest.raises(AirflowFailException, match=f"run run-1 is {status}: step automl .run a.: one class only"):
        sensor().execute(context)  # type: ignore[arg-type]
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute(context)  # type: ignore[arg-type]


def test_outages_are_borne_until_the_timeout(
    pipelines: FakePipelines, context: TaskContext, naps: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    pipelines.statuses = [RunStatus.RUNNING, unavailable(), RunStatus.COMPLETED]
    assert sensor().execute(context)["status"] == "Completed"  # type: ignore[arg-type]
    assert "the server does not answer; looking again in 30 s" in capsys.readouterr().out
    pipelines.statuses = [unavailable()]
    with pytest.raises(AirflowSensorTimeout):
        sensor(timeout=100).execute(context)  # type: ignore[arg-type]


def test_the_timeout_leaves_the_run_alone(pipelines: FakePipelines, context: TaskContext, naps: list[float]) -> None:
    pipelines.statuses = [RunStatus.RUNNING]
    task = sensor(timeout=100)
    with pytest.raises(AirflowSensorTimeout):
        task.execute(context)  # type: ignore[arg-type]
    task.on_kill()
    assert pipelines.cancelled == []


def test_deferred_it_watches_and_does_not_own(pipelines: FakePipelines, context: TaskContext) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).execute(context)  # type: ignore[arg-type]
    path, arguments = deferred.value.trigger.serialize()
    assert path == "airflow_azureml.triggers.run.AzureMLRunTrigger"
    assert (arguments["run_id"], arguments["owns_run"], arguments["poll_seconds"]) == ("run-1", False, 30)
    assert arguments["deadline"] == pytest.approx(time.time() + 600, abs=60)
    assert deferred.value.method_name == "resume"
    assert context.xcom["azureml_run_url"]


def test_deferred_a_run_that_is_over_needs_no_triggerer(pipelines: FakePipelines, context: TaskContext) -> None:
    pipelines.statuses = [RunStatus.COMPLETED]
    assert sensor(deferrable="True").execute(context)["status"] == "Completed"  # type: ignore[arg-type]


def test_resumed_it_looks_itself(pipelines: FakePipelines, context: TaskContext) -> None:
    pipelines.statuses = [RunStatus.COMPLETED]
    for status in ("ended", "deadline", "unreachable", "refused"):
        assert resumed(sensor(), context, status)["model"] == {"name": "m", "version": 4}


def test_resumed_after_a_failure(pipelines: FakePipelines, context: TaskContext) -> None:
    pipelines.statuses = [RunStatus.FAILED]
    with pytest.raises(AirflowFailException, match="run run-1 is Failed"):
        resumed(sensor(), context, "ended")
    with pytest.raises(AirflowSkipException):
        resumed(sensor(soft_fail=True), context, "ended")


@pytest.mark.parametrize("look", [RunStatus.RUNNING, unavailable()])
@pytest.mark.parametrize("status", ["deadline"])
def test_resumed_too_late(
    pipelines: FakePipelines, context: TaskContext, clock: list[float], status: str, look: RunStatus | Exception
) -> None:
    pipelines.statuses = [look]
    with pytest.raises(AirflowSensorTimeout, match="run run-1 was not done after 600 s, the sensor's timeout"):
        resumed(sensor(), context, status)
    with pytest.raises(AirflowSkipException):
        resumed(sensor(soft_fail=True), context, status)


def test_resumed_because_the_triggerer_may_not_look(
    pipelines: FakePipelines, context: TaskContext, clock: list[float]
) -> None:
    pipelines.statuses = [RunStatus.RUNNING]
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute(context)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(TaskDeferred):
            resumed(sensor(), context, "refused")
    pipelines.statuses = [RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.COMPLETED]
    assert resumed(sensor(), context, "refused")["status"] == "Completed"


def test_deferred_outages_are_borne_too(pipelines: FakePipelines, context: TaskContext, clock: list[float]) -> None:
    pipelines.statuses = [unavailable()]
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).execute(context)  # type: ignore[arg-type]
    pipelines.statuses = [unavailable(), unavailable(), RunStatus.COMPLETED]
    assert resumed(sensor(), context, "ended")["status"] == "Completed"
    assert deferred.value.trigger.serialize()[1]["run_id"] == "run-1"


def test_deferred_the_nearer_limit_counts(pipelines: FakePipelines, context: TaskContext, clock: list[float]) -> None:
    given: dict[str, Any] = {"deferrable": True, "execution_timeout": timedelta(seconds=60)}
    pipelines.statuses = [RunStatus.RUNNING]
    with pytest.raises(TaskDeferred) as deferred:
        sensor(**given).execute(context)  # type: ignore[arg-type]
    assert deferred.value.trigger.serialize()[1]["deadline"] == pytest.approx(time.time() + 60, abs=30)
    with pytest.raises(AirflowTaskTimeout, match="not done after 60 s, the task's execution_timeout"):
        resumed(sensor(**given), context, "deadline")


def test_links_need_no_airflow_after_a_deferral(pipelines: FakePipelines, context: TaskContext) -> None:
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute(context)  # type: ignore[arg-type]
    again = sensor(deferrable=True)
    with pytest.raises(AirflowSensorTimeout):
        again.resume_execution("__fail__", {"error": "Trigger timeout"}, context)  # type: ignore[arg-type]
    assert again.pushed_links == {"azureml_run_url": context.xcom["azureml_run_url"]}


def test_a_run_of_another_kind_is_refused(
    pipelines: FakePipelines, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(pipelines.get_run("run-1"), run_type="automl")
    monkeypatch.setattr(pipelines, "get_run", lambda _run_id: run)
    with pytest.raises(InvalidRequest, match="run run-1 is of type 'automl'; give the id of a pipeline's run"):
        sensor().execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"run": None}, "run is None"),
        ({"run": ""}, "run is ''"),
        ({"run": {"status": "Queued"}}, "run is a mapping without 'run_id'"),
        ({"run": "{'run_id': 'run-1'}"}, "Pass the task's `.output`"),
        ({"deferrable": "perhaps"}, "deferrable is 'perhaps'"),
    ],
)
@pytest.mark.usefixtures("pipelines")
def test_wrong_arguments(context: TaskContext, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sensor(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("error", "action"), [(Unauthorized("no"), RetryAction.FAIL), (ServiceUnavailable("no"), RetryAction.RETRY)]
)
def test_retry_policy(error: Exception, action: RetryAction) -> None:
    policy = sensor().retry_policy
    assert policy is not None
    assert policy.evaluate(error, 1, 2).action is action


def test_arguments_are_keyword_only_and_templated() -> None:
    parameters = inspect.signature(AzureMLPipelineRunSensor).parameters.values()
    own = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} - {"retry_policy"}
    assert own == set(AzureMLPipelineRunSensor.template_fields)
    with DAG("d", schedule=None):
        task = sensor(**dict.fromkeys(own, "{{ params.x }}"))
    task.render_template_fields({"params": {"x": "rendered"}})
    assert {getattr(task, field) for field in own} == {"rendered"}
