from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.airflow_azureml.conftest import TaskContext
from tests.unit.airflow_azureml.fake_pipelines import FakePipelines

from airflow_azureml.operators.publish_pipeline import AzureMLPublishPipelineOperator
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import PipelineDefinition
from azureml_workspace.statuses import PipelineStatus

pytestmark = pytest.mark.unit

DATASET = {"name": "bank", "version": 2, "fingerprint": "sha256:00"}


@pytest.fixture
def pipelines(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> FakePipelines:
    fake = FakePipelines()
    monkeypatch.setattr("airflow_azureml.hook.open_workspace", lambda *_args, **_kwargs: fake)
    return fake


def operator(**given: Any) -> AzureMLPublishPipelineOperator:
    arguments: dict[str, Any] = {
        "name": "p",
        "dataset": DATASET,
        "label_column_name": "y",
        "experiment_name": "bank-exp",
    } | given
    return AzureMLPublishPipelineOperator(task_id="publish_pipeline", **arguments)


def published(pipelines: FakePipelines) -> PipelineDefinition:
    definition: PipelineDefinition = next(
        what for call, what in reversed(pipelines.calls) if call == "publish_pipeline"
    )
    return definition


def test_the_first_is_published(pipelines: FakePipelines, context: TaskContext) -> None:
    result = operator(model_name="m").execute(context)  # type: ignore[arg-type]
    assert result == {
        "pipeline_id": "id-p-1",
        "name": "p",
        "version": 1,
        "status": "Active",
        "endpoint": "http://w/submit/p/1",
        "pipeline_endpoint": "http://w/submit/p",
        "experiment_name": "bank-exp",
        "dataset_name": "bank",
        "model_name": "m",
        "created": True,
    }
    assert pipelines.names() == ["get_dataset", "ensure_compute", "publish_pipeline"]
    assert context.xcom["azureml_pipeline"] == {"conn_id": "azureml_default", "pipeline_id": "id-p-1"}
    assert context.xcom["azureml_pipeline_url"]


def test_the_same_definition_is_found_in_another_dag_run(
    pipelines: FakePipelines, capsys: pytest.CaptureFixture[str]
) -> None:
    operator().execute(TaskContext(run_id="manual__1"))  # type: ignore[arg-type]
    again = operator(dataset={**DATASET, "version": 3}).execute(TaskContext(run_id="manual__2"))  # type: ignore[arg-type]
    assert (again["version"], again["created"]) == (1, False)
    assert "Nothing published: pipeline p version 1 (id-p-1) is current" in capsys.readouterr().out


def test_a_changed_definition_is_the_next_version_and_the_log_says_why(
    pipelines: FakePipelines, context: TaskContext, capsys: pytest.CaptureFixture[str]
) -> None:
    operator().execute(context)  # type: ignore[arg-type]
    changed = operator(experiment_timeout_minutes="3").execute(context)  # type: ignore[arg-type]
    assert (changed["version"], changed["created"]) == (2, True)
    assert (
        "version 2 (id-p-2), because automl.experiment_timeout_minutes was 1.0 and is 3.0." in capsys.readouterr().out
    )


def test_a_disabled_one_is_published_again_and_the_log_says_why(
    pipelines: FakePipelines, context: TaskContext, capsys: pytest.CaptureFixture[str]
) -> None:
    operator().execute(context)  # type: ignore[arg-type]
    pipelines.pipelines = [replace(pipelines.pipelines[0], status=PipelineStatus.DISABLED)]
    assert operator().execute(context)["version"] == 2  # type: ignore[arg-type]
    assert "because version 1 is Disabled" in capsys.readouterr().out


def test_the_data_is_the_latest_unless_a_version_is_named(pipelines: FakePipelines, context: TaskContext) -> None:
    operator().execute(context)  # type: ignore[arg-type]
    assert published(pipelines).dataset_version is None
    operator(dataset="bank", dataset_version="3").execute(context)  # type: ignore[arg-type]
    assert published(pipelines).dataset_version == 3
    assert ("get_dataset", ("bank", 3)) in pipelines.calls


def test_arguments_as_a_template_renders_them(pipelines: FakePipelines, context: TaskContext) -> None:
    operator(
        iterations="None",
        exclude_columns='["duration"]',
        dataset_version="latest",
        description="None",
        model_tags={"team": 7},
        max_concurrent_iterations="3",
    ).execute(context)  # type: ignore[arg-type]
    definition = published(pipelines)
    assert definition.automl.iterations is None
    assert definition.automl.exclude_columns == ("duration",)
    assert definition.automl.max_concurrent_iterations == 3
    assert (definition.description, definition.model_tags, definition.model_name) == ("", {"team": "7"}, "bank-exp")


def test_result_is_small_json(pipelines: FakePipelines, context: TaskContext) -> None:
    assert len(json.dumps(operator().execute(context))) < 1000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "my pipeline"}, "pipeline name 'my pipeline' is not valid"),
        ({"name": ""}, "name is ''; give a text"),
        ({"dataset": None}, "dataset is None: the task it comes from returned nothing"),
        ({"dataset_version": 0}, "dataset_version is 0; versions count from 1, or give 'latest'"),
        ({"dataset_version": "newest"}, "dataset_version is 'newest'"),
        ({"model_name": "my model"}, "model name 'my model' is not valid"),
        ({"experiment_name": "e"}, "experiment name 'e' is not valid"),
        ({"label_column_name": "Y"}, "'Y', which is not a column of dataset bank version 7"),
        ({"exclude_columns": ["durration"]}, "did you mean 'duration'"),
        ({"primary_metric": "AUC"}, "primary_metric is 'AUC'; choose one of AUC_weighted"),
        ({"experiment_timeout_minutes": "soon"}, "experiment_timeout_minutes is 'soon'"),
        ({"max_nodes": "many"}, "max_nodes is 'many'"),
        ({"model_tags": "team"}, "model_tags is 'team'"),
    ],
)
def test_a_wrong_argument_publishes_nothing(
    pipelines: FakePipelines, context: TaskContext, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(WorkspaceError) as caught:
        operator(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "publish_pipeline" not in pipelines.names()
    assert context.xcom == {}
