"""Published pipelines of this workspace: what people ask of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from azureml_local.automl.preflight import check_names
from azureml_local.files import read_json
from azureml_local.jobs.pipeline_check import check_custom_pipelines
from azureml_local.jobs.results import require_completed
from azureml_local.jobs.submission import AutoMLRuns
from azureml_local.paths import Home
from azureml_local.pipelines.files import RESULT_OUTPUT
from azureml_local.store.computes import ComputeStore
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.pipeline_run_records import NewPipelineRun
from azureml_local.store.pipeline_runs import PipelineRunStore
from azureml_local.store.pipelines import PipelineStore
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.records import (
    REGISTER_STEP,
    PipelineDefinition,
    PipelineResult,
    PipelineSubmission,
    PublishedPipeline,
    Run,
)
from azureml_workspace.statuses import PipelineStatus
from azureml_workspace.texts import shown

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What was posted to an endpoint. Without a `key` every post makes a run of its own.

    `run_id` is what somebody was told already that the run will be called.
    """

    submission: PipelineSubmission
    key: str | None = None
    run_id: str | None = None
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)


class PipelineManager:
    """The pipelines of this workspace and their runs. Calls return at once; the orchestrator does the work."""

    def __init__(
        self,
        home: Home,
        pipelines: PipelineStore,
        runs: PipelineRunStore,
        *,
        automl: AutoMLRuns,
        datasets: DatasetStore,
        computes: ComputeStore,
        wake: Callable[[], None],
    ) -> None:
        self._home = home
        self.published = pipelines
        self.runs = runs
        self._automl = automl
        self._datasets = datasets
        self._computes = computes
        self._wake = wake

    def publish(self, definition: PipelineDefinition) -> PublishedPipeline:
        """Publish the definition (`Workspace.publish_pipeline`). :raises InvalidRequest: it cannot work."""
        definition.validate()
        self.check(definition)
        pipeline, created = self.published.publish(definition)
        if created:
            logger.info("pipeline %s version %d published: %s", pipeline.name, pipeline.version, pipeline.pipeline_id)
        return pipeline

    def check(self, definition: PipelineDefinition) -> None:
        """:raises InvalidRequest: no run of it could work, as models, data and compute targets are now."""
        definition.automl.validate()
        check_names(definition.automl)
        with _missing_as_invalid(definition.name):
            dataset = self._datasets.get(definition.automl.dataset_name, definition.dataset_version)
            self._computes.require(definition.automl.compute_target)
        definition.automl.require_columns([column.name for column in dataset.columns])
        check_custom_pipelines(definition.automl)

    def set_status(self, pipeline_id: str, status: PipelineStatus) -> PublishedPipeline:
        """Enable or disable one version. :raises NotFound:"""
        pipeline = self.published.set_status(pipeline_id, status)
        logger.info("pipeline %s version %d is %s", pipeline.name, pipeline.version, pipeline.status.value)
        return pipeline

    def submit(self, pipeline_id: str, submitted: Submitted) -> Run:
        """Run one version, or find the run of this key.

        A key finds its run also when the version was disabled since, or another one was made the default.

        :raises NotFound: no such pipeline.
        :raises Conflict: it is disabled, or the key is that of a run of another pipeline.
        :raises InvalidRequest: a parameter, or the data, cannot be used.
        """
        return self._submit(self.published.get(pipeline_id), submitted, "version", "submit another version")

    def submit_default(self, endpoint_id: str, submitted: Submitted) -> Run:
        """Run the default version of a pipeline endpoint; see `submit`."""
        pipeline = self.published.default_of(endpoint_id)
        return self._submit(pipeline, submitted, "the default version", "make another version the default")

    def cancel(self, run_id: str) -> None:
        """Ask for a pipeline run to stop. :raises NotFound:"""
        self.runs.request_cancel(run_id)
        self._wake()

    def result(self, run: Run) -> PipelineResult:
        """What a pipeline run made. :raises RunFailed: it ended without one. :raises Conflict: it has not ended."""
        require_completed(run)
        found = self.runs.find(run.run_id)
        if found is not None and not found.has_step(REGISTER_STEP):
            raise InvalidRequest(
                f"run {run.run_id} is of a pipeline that registers no model; what it found is the result of its step "
                f"{found.steps[0].name} (run {found.steps[0].run_id})."
            )
        content = read_json(self._home.run(run.run_id) / RESULT_OUTPUT)
        if content is None:
            raise RunFailed(f"run {run.run_id} completed, but its {RESULT_OUTPUT} is gone; run the pipeline again.")
        return PipelineResult.from_dict(content)

    def _submit(self, pipeline: PublishedPipeline, submitted: Submitted, which: str, instead: str) -> Run:
        found = None if submitted.key is None else self.runs.find_submitted(submitted.key)
        if found is not None:
            return _of_pipeline(found, pipeline)
        if pipeline.status is not PipelineStatus.ACTIVE:
            raise Conflict(
                f"{which} {pipeline.version} of pipeline {pipeline.name!r} is {pipeline.status.value}; enable it, or "
                f"{instead}."
            )
        submission = submitted.submission
        definition = pipeline.definition.with_parameters(submission.parameters)
        with _missing_as_invalid(pipeline.name):
            dataset = self._datasets.get(definition.automl.dataset_name, definition.dataset_version)
            settings = definition.settings(
                experiment_name=submission.experiment_name or definition.experiment_name, latest_version=dataset.version
            )
            self._automl.check(settings)
            self._computes.require(settings.compute_target)
        new = NewPipelineRun(
            pipeline=pipeline,
            settings=settings,
            assignments=submission.parameters,
            parameters={**definition.parameters, "dataset_version": str(dataset.version)},
            run_source=submission.run_source,
            description=submitted.description,
            tags=submitted.tags,
            properties=submitted.properties,
            run_id=submitted.run_id,
        )
        run, created = self.runs.submit(new, definition.step_names, submitted.key)
        if created:
            logger.info("pipeline %s version %d submitted: run %s", pipeline.name, pipeline.version, run.run_id)
            self._wake()
        return _of_pipeline(run, pipeline)


def _of_pipeline(run: Run, pipeline: PublishedPipeline) -> Run:
    """:raises Conflict: the run that was found by its key is one of another pipeline."""
    name = run.properties["pipeline_name"]
    if name != pipeline.name:
        raise Conflict(
            f"submission key {shown(run.submission_key or '')} is that of run {run.run_id} of pipeline {name!r}; give "
            f"each submission of pipeline {pipeline.name!r} a key of its own."
        )
    return run


@contextmanager
def _missing_as_invalid(name: str) -> Iterator[None]:
    """What a pipeline refers to and is not there: the caller asked for the pipeline, and that is."""
    try:
        yield
    except NotFound as error:
        raise InvalidRequest(f"pipeline {name} cannot work: {error}") from error
