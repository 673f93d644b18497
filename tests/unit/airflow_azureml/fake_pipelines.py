"""The fake workspace with published pipelines in it."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.airflow_azureml.conftest import NOW, FakeWorkspace, automl_result, run

from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.records import (
    AutoMLConfig,
    ModelVersion,
    PipelineDefinition,
    PipelineResult,
    PipelineSubmission,
    PublishedPipeline,
    Run,
    StepRun,
)
from azureml_workspace.statuses import PipelineStatus, RunStatus


class FakePipelines(FakeWorkspace):
    """Publishes and submits by the rules of the seam; a run of a pipeline registers version 4 of model `m`."""

    def __init__(self) -> None:
        super().__init__()
        self.pipelines: list[PublishedPipeline] = []

    def publish_pipeline(self, definition: PipelineDefinition) -> PublishedPipeline:
        self._said("publish_pipeline", definition)
        versions = [found for found in self.pipelines if found.name == definition.name]
        if versions and versions[-1].definition == definition and versions[-1].status is PipelineStatus.ACTIVE:
            return versions[-1]
        self.pipelines = [replace(found, is_default=found.name != definition.name) for found in self.pipelines]
        published = pipeline(definition, version=len(versions) + 1)
        self.pipelines.append(published)
        return published

    def list_pipelines(self, name: str | None = None) -> list[PublishedPipeline]:
        return [found for found in reversed(self.pipelines) if name in (None, found.name)]

    def get_pipeline(self, pipeline_id: str) -> PublishedPipeline:
        for found in self.pipelines:
            if found.pipeline_id == pipeline_id:
                return found
        raise NotFound(f"there is no published pipeline of id {pipeline_id!r}.")

    def find_pipeline(self, name: str, version: int | None = None) -> PublishedPipeline:
        for found in self.list_pipelines(name):
            if found.version == version or (version is None and found.is_default):
                return found
        raise NotFound(f"there is no published pipeline {name!r}.")

    def submit_pipeline(self, endpoint: str, submission: PipelineSubmission, *, submission_key: str) -> Run:
        self._said("submit_pipeline", (endpoint, submission, submission_key))
        if any(found.status is PipelineStatus.DISABLED for found in self.pipelines):
            raise Conflict("pipeline p version 1 is Disabled; enable it, or publish it again.")
        run_id = self.runs.setdefault(submission_key, f"run-{len(self.runs) + 1}")
        return pipeline_run(run_id, RunStatus.QUEUED)

    def get_run(self, run_id: str) -> Run:
        return replace(super().get_run(run_id), run_type="pipeline")

    def list_step_runs(self, run_id: str) -> list[StepRun]:
        return [StepRun(name="automl", parent_run_id=run_id, run_id=f"{run_id}-a", status=RunStatus.RUNNING)]

    def pipeline_result(self, run_id: str) -> PipelineResult:
        self._said("pipeline_result", run_id)
        return PipelineResult(
            run_id=run_id,
            pipeline_id="id-p-1",
            pipeline_name="p",
            pipeline_version=1,
            dataset_name="bank",
            dataset_version=7,
            automl=automl_result(f"{run_id}-a"),
            model=ModelVersion(name="m", version=4, run_id=f"{run_id}-a", created_at=NOW),
        )


def definition(name: str = "p") -> PipelineDefinition:
    automl = AutoMLConfig(dataset_name="bank", label_column_name="y", experiment_timeout_minutes=2)
    return PipelineDefinition(name=name, automl=automl, model_name="m", experiment_name="bank-exp")


def pipeline(of: PipelineDefinition, *, version: int = 1) -> PublishedPipeline:
    return PublishedPipeline(
        pipeline_id=f"id-{of.name}-{version}",
        name=of.name,
        version=version,
        status=PipelineStatus.ACTIVE,
        is_default=True,
        endpoint=f"http://w/submit/{of.name}/{version}",
        pipeline_endpoint=f"http://w/submit/{of.name}",
        definition=of,
        created_at=NOW,
        portal_url=f"http://portal/{of.name}",
    )


def pipeline_run(run_id: str, status: RunStatus) -> Run:
    return replace(run(run_id, status), run_type="pipeline")
