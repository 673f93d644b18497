from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.airflow_azureml.conftest import TaskContext
from tests.unit.airflow_azureml.fake_pipelines import FakePipelines, definition

from airflow_azureml._waiting import WaitTimeout
from airflow_azureml.operators.trigger_pipeline import AzureMLTriggerPipelineOperator
from azureml_workspace.errors import NotFound, WorkspaceError
from azureml_workspace.statuses import PipelineStatus, RunStatus

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("clock")]


@pytest.fixture
def pipelines(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> FakePipelines:
    fake = FakePipelines()
    fake.publish_pipeline(definition())
    fake.publish_pipeline(replace(definition(), description="changed"))
    fake.calls.clear()
    monkeypatch.setattr("airflow_azureml.hook.open_workspace", lambda *_args, **_kwargs: fake)
    return fake


def operator(**given: Any) -> AzureMLTriggerPipelineOperator:
    return AzureMLTriggerPipelineOperator(task_id="trigger_pipeline", **given)


def posted(pipelines: FakePipelines) -> tuple[Any, ...]:
    what: tuple[Any, ...] = next(what for call, what in reversed(pipelines.calls) if call == "submit_pipeline")
    return what


def test_result_is_small_json_with_the_figures(pipelines: FakePipelines, context: TaskContext) -> None:
    result = operator(pipeline="p").execute(context)  # type: ignore[arg-type]
    assert (result["run_id"], result["status"], result["automl_run_id"]) == ("run-1", "Completed", "run-1-a")
    assert result["pipeline"] == {"name": "p", "version": 1}
    assert result["dataset"] == {"name": "bank", "version": 7}
    assert result["model"] == {"name": "m", "version": 4}
    assert result["metrics"]["AUC_weighted"] == 0.9512
    assert (result["best_algorithm"], result["validation"]) == ("VotingEnsemble", "5-fold cross-validation")
    assert len(json.dumps(result)) < 4000
    assert context.xcom["azureml_run"] == {"conn_id": "azureml_default", "run_id": "run-1"}


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ({"pipeline": "p"}, "http://w/submit/p"),
        ({"pipeline": "p", "pipeline_version": "None"}, "http://w/submit/p"),
        ({"pipeline": "p", "pipeline_version": "1"}, "http://w/submit/p/1"),
        ({"pipeline_id": "id-p-1"}, "http://w/submit/p/1"),
        ({"pipeline": {"pipeline_id": "id-p-2", "name": "p", "version": 2}}, "http://w/submit/p/2"),
        ({"pipeline": "None", "pipeline_id": "id-p-2"}, "http://w/submit/p/2"),
    ],
)
def test_where_it_posts(pipelines: FakePipelines, context: TaskContext, given: dict[str, Any], endpoint: str) -> None:
    operator(**given).execute(context)  # type: ignore[arg-type]
    assert posted(pipelines)[0] == endpoint


def test_what_it_posts(pipelines: FakePipelines, context: TaskContext) -> None:
    parameters = {"dataset_version": 3, "iterations": "None", "experiment_timeout_minutes": " 0.5 "}
    operator(pipeline="p", experiment_name="other", parameters=parameters).execute(context)  # type: ignore[arg-type]
    submission = posted(pipelines)[1]
    assert submission.parameters == {"dataset_version": "3", "experiment_timeout_minutes": "0.5"}
    assert (submission.experiment_name, submission.run_source) == ("other", "Airflow")
    operator(pipeline="p", parameters='{"iterations": 4}').execute(context)  # type: ignore[arg-type]
    assert posted(pipelines)[1].parameters == {"iterations": "4"}
    assert posted(pipelines)[1].experiment_name is None


def test_a_second_try_takes_up_the_run_and_a_cleared_task_makes_another(pipelines: FakePipelines) -> None:
    def run_of(**given: Any) -> str:
        pipelines.statuses = [RunStatus.COMPLETED]
        return str(operator(pipeline="p").execute(TaskContext(**given))["run_id"])  # type: ignore[arg-type]

    assert run_of(try_number=1) == run_of(try_number=2) == "run-1"
    # Another version became the default in between: the endpoint is the same, so the key is.
    pipelines.publish_pipeline(definition())
    assert run_of(try_number=2) == "run-1"
    assert run_of(max_tries=3) == "run-2"
    assert run_of(run_id="manual__2") == "run-3"


def test_not_waiting_returns_the_run(pipelines: FakePipelines, context: TaskContext) -> None:
    result = operator(pipeline="p", wait_for_completion="False").execute(context)  # type: ignore[arg-type]
    assert result == {"run_id": "run-1", "status": "Queued", "portal_url": "http://portal/run-1"}
    assert "get_run" not in pipelines.names()
    assert context.xcom["azureml_run"]["run_id"] == "run-1"


def test_the_log_shows_steps_as_they_change_and_what_came_out(
    pipelines: FakePipelines, context: TaskContext, capsys: pytest.CaptureFixture[str]
) -> None:
    operator(pipeline="p").execute(context)  # type: ignore[arg-type]
    log = capsys.readouterr().out
    assert "Pipeline p, default version 2: POST http://w/submit/p" in log
    assert "automl is Running" in log
    assert "VotingEnsemble is the best of 6 trials, AUC_weighted 0.95120" in log


@pytest.mark.parametrize(
    ("parameters", "seconds"), [({}, (2 + 1) * 60), ({"experiment_timeout_minutes": "4"}, (4 + 1) * 60)]
)
def test_the_deadline_is_the_limit_of_the_run_and_the_queue(
    pipelines: FakePipelines, context: TaskContext, clock: list[float], parameters: dict[str, str], seconds: float
) -> None:
    pipelines.statuses = [RunStatus.RUNNING]
    task = operator(pipeline="p", parameters=parameters, queue_timeout_minutes=1)
    with pytest.raises(WaitTimeout):
        task.execute(context)  # type: ignore[arg-type]
    assert clock[0] == pytest.approx(seconds, abs=5)
    assert pipelines.cancelled == ["run-1"]


def test_a_failed_run_fails_the_task_with_its_reason(pipelines: FakePipelines, context: TaskContext) -> None:
    pipelines.statuses, pipelines.run_error = [RunStatus.FAILED], "step automl: one class only."
    with pytest.raises(WorkspaceError, match="run run-1 is Failed: step automl: one class only"):
        operator(pipeline="p").execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "neither is given; give one of them"),
        ({"pipeline": "", "pipeline_id": "None"}, "neither is given"),
        ({"pipeline": "p", "pipeline_id": "id-p-1"}, "pipeline is 'p' and pipeline_id 'id-p-1'; give one of them"),
        ({"pipeline_id": "id-p-1", "pipeline_version": 2}, "pipeline_id stands for one version already"),
        ({"pipeline": {"pipeline_id": "id-p-1"}, "pipeline_version": 2}, "pipeline stands for one version already"),
        ({"pipeline": {"name": "p"}}, "pipeline is a mapping without 'pipeline_id'"),
        ({"pipeline": "{'pipeline_id': 1}"}, "Pass the task's `.output`"),
        ({"pipeline": "p", "pipeline_version": 0}, "pipeline_version is 0; versions count from 1"),
        ({"pipeline": "q"}, "there is no published pipeline 'q'. Published are: p version 1, p version 2. A DAG with"),
        ({"pipeline_id": "nope"}, "Published are: p version 1, p version 2"),
        ({"pipeline": "p", "parameters": {"seed": 1}}, "pipeline p has no parameter 'seed'; it has dataset_version"),
        ({"pipeline": "p", "parameters": {"iterations": "few"}}, "pipeline parameter iterations is 'few'"),
        ({"pipeline": "p", "parameters": '{"iterations"'}, "which is not JSON"),
        ({"pipeline": "p", "parameters": [1]}, "parameters is [1]; give a mapping"),
        ({"pipeline": "p", "experiment_name": "e"}, "experiment name 'e' is not valid"),
        ({"pipeline": "p", "wait_for_completion": "perhaps"}, "wait_for_completion is 'perhaps'"),
        ({"pipeline": "p", "queue_timeout_minutes": -1}, "queue_timeout_minutes is -1"),
        ({"pipeline": "p", "poll_seconds": 0}, "poll interval 0 s"),
    ],
)
def test_a_wrong_argument_submits_nothing(
    pipelines: FakePipelines, context: TaskContext, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(WorkspaceError) as caught:
        operator(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "submit_pipeline" not in pipelines.names()
    assert context.xcom == {}


def test_the_pipelines_of_the_most_similar_names_are_told_first(pipelines: FakePipelines, context: TaskContext) -> None:
    (found, *_) = pipelines.pipelines
    names = [*(f"another-{number}" for number in range(12)), "churn-weekly"]
    pipelines.pipelines = [replace(found, name=name, version=1) for name in names]
    with pytest.raises(NotFound, match=r"Published are: churn-weekly version 1, another.* and 3 more\."):
        operator(pipeline="churn-weakly").execute(context)  # type: ignore[arg-type]


def test_nothing_published_says_what_to_do(pipelines: FakePipelines, context: TaskContext) -> None:
    pipelines.pipelines = []
    with pytest.raises(WorkspaceError, match=r"None is published\..*bank_marketing_publish_pipeline"):
        operator(pipeline="p").execute(context)  # type: ignore[arg-type]


def test_a_disabled_pipeline_fails_at_once(pipelines: FakePipelines, context: TaskContext) -> None:
    pipelines.pipelines = [replace(found, status=PipelineStatus.DISABLED) for found in pipelines.pipelines]
    with pytest.raises(WorkspaceError, match="is Disabled; enable it"):
        operator(pipeline="p").execute(context)  # type: ignore[arg-type]
