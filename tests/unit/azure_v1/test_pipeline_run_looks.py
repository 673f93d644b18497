"""What a look at a pipeline's run costs."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.published import Origin
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import NotFound
from azureml_workspace.records import AUTOML_STEP, AutoMLConfig, PipelineDefinition
from azureml_workspace.settings import AzureSettings

pytestmark = pytest.mark.unit

SETTINGS = AzureSettings(subscription_id="s", resource_group="g", workspace_name="w", sign_in="azure_cli")
ORIGIN = Origin(
    definition=PipelineDefinition(
        name="retrain",
        automl=AutoMLConfig(dataset_name="bank", label_column_name="y"),
        model_name="bank",
        experiment_name="retrain",
    ),
    dataset_version=1,
)
RUN = {
    "runId": "r",
    "experimentId": "e",
    "status": "Running",
    "createdUtc": "2026-05-01T10:00:00Z",
    "runType": "azureml.PipelineRun",
}
STEP = {**RUN, "runId": "r-automl", "name": AUTOML_STEP, "runType": "azureml.StepRun", "parentRunId": "r"}


class Azure:
    """One run of one published pipeline; `asked` is what was read of each service."""

    def __init__(self, pipeline_id: str | None) -> None:
        self.settings = SETTINGS
        self.cloud = cloud_of(SETTINGS)
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {
            "history/runs/r": RUN,
            "history/experimentids/e": {"name": "retrain"},
            "history/experiments/retrain/runs/r/children": {"value": [STEP]},
            "pipelines/PipelineRuns/r": {"PipelineId": pipeline_id},
            "pipelines/Pipelines/p": {
                "Id": "p", "Name": "retrain", "Version": "1", "EntityStatus": "0", "Url": "u",
                "CreatedDate": "2026-05-01T10:00:00Z", "Description": ORIGIN.described(),
            },
        }  # fmt: skip

    def json(self, _method: str, service: str, path: str, **_: Any) -> Any:
        asked = f"{service}{path}"
        self.asked.append(asked)
        if asked not in self.answers:
            raise NotFound(asked)
        return self.answers[asked]

    def portal_url(self, path: str) -> str:
        return f"https://portal{path}"


def workspace(azure: Azure) -> AzureWorkspace:
    return AzureWorkspace(azure)  # type: ignore[arg-type]


def test_which_pipeline_a_run_is_of_is_read_once() -> None:
    azure = Azure("p")
    opened = workspace(azure)
    names = [step.name for step in opened.list_step_runs("r")]
    assert names == list(ORIGIN.definition.step_names)
    azure.asked.clear()
    assert [step.name for step in opened.list_step_runs("r")] == names
    assert azure.asked == ["history/runs/r", "history/experiments/retrain/runs/r/children"]


def test_a_run_of_no_published_pipeline_may_turn_out_to_be_of_one() -> None:
    azure = Azure(None)
    opened = workspace(azure)
    assert [step.name for step in opened.list_step_runs("r")] == [AUTOML_STEP]
    azure.answers["pipelines/PipelineRuns/r"] = {"PipelineId": "p"}
    assert [step.name for step in opened.list_step_runs("r")] == list(ORIGIN.definition.step_names)
