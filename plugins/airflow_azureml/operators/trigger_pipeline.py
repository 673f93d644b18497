"""Trigger a published pipeline by its REST endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import PipelineReference, pipeline_reference
from airflow_azureml._run_progress import Snapshot
from airflow_azureml._submission import submission_key
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators._automl_config import limit_seconds
from airflow_azureml.operators._awaitable import Plan
from airflow_azureml.operators._remote_run import OWN_LIMIT, AzureMLRemoteRunOperator
from airflow_azureml.results import PipelineRunResult, SubmittedPipelineRunResult, VersionResult
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import PipelineSubmission, Record, validate_experiment_name

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import PipelineResult, PublishedPipeline, Run

_MOST_NAMED = 10
"""Pipelines that a message names."""


@dataclass(frozen=True, kw_only=True)
class _Request(Record):
    """What the submission key is made of: the address and what is posted to it."""

    endpoint: str
    submission: PipelineSubmission


class AzureMLTriggerPipelineOperator(AzureMLRemoteRunOperator):
    """Post to the REST endpoint of a published pipeline, and wait until its run ends.

    A name without a version goes to the pipeline endpoint, whose address stays while its default version changes. A
    retry of the task takes up the run that the first try submitted; clearing the task makes a new run. Stopping it
    cancels the run.
    Returns a `PipelineRunResult`, or a `SubmittedPipelineRunResult` when it does not wait.

    :param pipeline: name of the pipeline, or the publish task's output; excludes `pipeline_id`.
    :param pipeline_version: the version when a name was given (default the pipeline's default version).
    :param pipeline_id: id of one published version; excludes `pipeline`.
    :param experiment_name: the experiment that the run belongs to (default: the one of the definition).
    :param parameters: values for `dataset_version`, `experiment_timeout_minutes`, `iterations` and
        `max_concurrent_iterations`; what is absent or empty is left to the definition.
    :param wait_for_completion: wait for the end of the run (default), or return once it is submitted.
    :param queue_timeout_minutes: how long the run may wait and wind up, on top of the limit of its AutoML step
        (default 30).
    """

    template_fields: Sequence[str] = (
        *AzureMLRemoteRunOperator.template_fields,
        "pipeline",
        "pipeline_version",
        "pipeline_id",
        "experiment_name",
        "parameters",
        "wait_for_completion",
        "queue_timeout_minutes",
    )

    def __init__(
        self,
        *,
        pipeline: Any = None,
        pipeline_version: int | str | None = None,
        pipeline_id: str | None = None,
        experiment_name: str | None = None,
        parameters: Mapping[str, Any] | str | None = None,
        wait_for_completion: bool | str = True,
        queue_timeout_minutes: float | str = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.pipeline_version = pipeline_version
        self.pipeline_id = pipeline_id
        self.experiment_name = experiment_name
        self.parameters = parameters
        self.wait_for_completion = wait_for_completion
        self.queue_timeout_minutes = queue_timeout_minutes

    def perform(self, context: Context) -> Record:
        """Check, submit, and wait unless told not to."""
        if arguments.flag("wait_for_completion", self.wait_for_completion):
            return super().perform(context)
        run = self.prepare(context).begin().run
        url = AzureMLRunLink().push(self, context, run)
        self.log.info("Run %s of experiment %s goes on by itself: %s", run.run_id, run.experiment_name, url)
        return SubmittedPipelineRunResult(run_id=run.run_id, status=run.status.value, portal_url=run.portal_url)

    def prepare(self, context: Context) -> Plan[Snapshot]:
        """Check, find the pipeline."""
        reference = pipeline_reference(self.pipeline, self.pipeline_version, self.pipeline_id)
        submission = PipelineSubmission(experiment_name=self._experiment(), parameters=_parameters(self.parameters))
        workspace = self.hook.workspace

        pipeline = _find(workspace, reference)
        definition = pipeline.definition.with_parameters(submission.parameters)
        limit = limit_seconds(definition.automl, self.queue_timeout_minutes)
        by_name = reference.pipeline_id is None and reference.version is None
        endpoint = pipeline.pipeline_endpoint if by_name else pipeline.endpoint
        self.log.info(
            "Pipeline %s, %sversion %d: POST %s",
            pipeline.name,
            "default " if by_name else "",
            pipeline.version,
            endpoint,
        )
        request = _Request(endpoint=endpoint, submission=submission)
        key = submission_key(context, request)
        return Plan(
            begin=lambda: Snapshot(workspace.submit_pipeline(endpoint, submission, submission_key=key)),
            key=key,
            limit_seconds=limit,
            limit=OWN_LIMIT,
            metric=definition.automl.primary_metric,
        )

    def outcome(self, context: Context, run: Run, memo: dict[str, JsonValue]) -> PipelineRunResult:  # noqa: ARG002
        """What the run made."""
        result = self.hook.workspace.pipeline_result(run.run_id)
        self.log.info("%s", describe(result))
        return pipeline_run_result(run, result)

    def _experiment(self) -> str | None:
        name = arguments.optional(arguments.text, "experiment_name", self.experiment_name)
        if name is not None:
            validate_experiment_name(name)
        return name


def pipeline_run_result(run: Run, result: PipelineResult) -> PipelineRunResult:
    """A completed pipeline run as it goes into XCom."""
    return PipelineRunResult(
        run_id=run.run_id,
        status=run.status.value,
        experiment_name=run.experiment_name,
        pipeline=VersionResult(name=result.pipeline_name, version=result.pipeline_version),
        pipeline_id=result.pipeline_id,
        dataset=VersionResult(name=result.dataset_name, version=result.dataset_version),
        automl_run_id=result.automl.run_id,
        best_algorithm=result.automl.best_algorithm,
        primary_metric=result.automl.primary_metric,
        metrics=result.automl.metrics,
        validation=result.automl.validation,
        child_runs=result.automl.child_runs,
        model=VersionResult(name=result.model.name, version=result.model.version),
        portal_url=run.portal_url,
    )


def describe(result: PipelineResult) -> str:
    """One line: which pipeline, which data, the best algorithm with its score, the model."""
    automl = result.automl
    trials = f"{automl.child_runs} trial{'' if automl.child_runs == 1 else 's'}"
    score = automl.metrics.get(automl.primary_metric, float("nan"))
    return (
        f"Pipeline {result.pipeline_name} version {result.pipeline_version} on dataset {result.dataset_name} version "
        f"{result.dataset_version}: {automl.best_algorithm} is the best of {trials}, "
        f"{automl.primary_metric} {score:.5f} ({automl.validation}). "
        f"Registered as model {result.model.name} version {result.model.version}."
    )


def _parameters(value: Any) -> dict[str, str]:
    """Text for text; what is absent is left out. :raises InvalidRequest: not a mapping, nor JSON of one."""
    if arguments.is_absent(value):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidRequest(
                f"parameters is {value[:100]!r}, which is not JSON ({error}); give a mapping, or in a template write "
                "{{ ... | tojson }}."
            ) from error
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"parameters is {value!r}; give a mapping of parameter names to values.")
    return {str(name): str(item).strip() for name, item in value.items() if not arguments.is_absent(item)}


def _find(workspace: Workspace, reference: PipelineReference) -> PublishedPipeline:
    """:raises NotFound: names the pipelines that exist and says how to publish one."""
    try:
        if reference.pipeline_id is not None:
            return workspace.get_pipeline(reference.pipeline_id)
        return workspace.find_pipeline(reference.name, reference.version)
    except NotFound as error:
        raise NotFound(
            f"{error} {_published(workspace, reference.name)} A DAG with AzureMLPublishPipelineOperator publishes one; "
            "in this project that is bank_marketing_publish_pipeline, to be run once."
        ) from error


def _published(workspace: Workspace, name: str) -> str:
    """What there is to choose from, the names most like `name` first, since that is probably mistyped."""
    known = {(found.name, found.version) for found in workspace.list_pipelines()}
    if not known:
        return "None is published."
    likeness = {there: SequenceMatcher(None, name, there[0]).ratio() for there in known}
    nearest = sorted(known, key=lambda there: (-likeness[there], there))
    first = ", ".join(f"{named} version {version}" for named, version in nearest[:_MOST_NAMED])
    more = f" and {len(nearest) - _MOST_NAMED} more" if len(nearest) > _MOST_NAMED else ""
    return f"Published are: {first}{more}."
