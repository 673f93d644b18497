"""Submitting published pipelines, and what their runs do and make."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.models import ModelCalls
from azureml_workspace.azure_v1.pipelines import PipelineCalls
from azureml_workspace.azure_v1.published import Entity, Origin
from azureml_workspace.azure_v1.runs import PIPELINE, run_type
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.records import (
    AUTOML_STEP,
    REGISTER_STEP,
    ModelVersion,
    PipelineResult,
    PipelineSubmission,
    Run,
    StepRun,
    validate_experiment_name,
)
from azureml_workspace.statuses import PipelineStatus, RunStatus
from azureml_workspace.texts import shown

_PATH = re.compile(
    r"/pipelines/v1\.0(?P<workspace>/subscriptions/.+)/PipelineRuns/"
    r"(?:PipelineSubmit/(?P<pipeline>[^/]+)|PipelineEndpointSubmit/Id/(?P<endpoint>[^/]+))",
    re.IGNORECASE,
)
_MODEL_OUTPUT = "outputs/model.json"
_HTTPS_PORTS = (None, 443)
_RUNS_REMEMBERED = 1000


class _Unpublished(Exception):
    """A run is of a pipeline that was submitted without being published."""


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """Where a submission is posted, and for which pipeline it is."""

    url: str
    base: Entity
    experiment: str


class PipelineRunCalls(PipelineCalls, ModelCalls):
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    def submit_pipeline(self, endpoint: str, submission: PipelineSubmission, *, submission_key: str) -> Run:
        """Post to the endpoint; to that of a variant when other data or limits are wanted than were published.

        One POST, and before it short requests for the pipeline and the key's marker, and the SDK's process for the
        data's version and profile: some seconds. A variant that is not there yet is published first, as long as a
        publication takes.
        """
        base = self._addressed(endpoint)
        found = self._submissions.find(submission_key)
        if found is not None:
            self._require_run_of(base, found, submission_key)
            return self.get_run(found.run_id)
        if base.status is not PipelineStatus.ACTIVE:
            raise Conflict(
                f"version {base.version} of pipeline {base.name!r} is {base.status.value} (a disabled one is not "
                "submitted); enable it, or submit another version."
            )
        wanted = self._wanted(endpoint, base, submission)

        def post(properties: Mapping[str, str]) -> str:
            body = {
                "ExperimentName": wanted.experiment,
                "Description": f"{base.name} {base.version}",
                "RunSource": submission.run_source,
                "Properties": dict(properties),
            }
            # Never repeated by itself: the key finds a run that was submitted although its answer was lost.
            posted = self._azure.rest.json("POST", wanted.url, body=body, repeatable=False)
            return str(posted["Id"])

        run_id = self._submissions.submit(submission_key, wanted.experiment, post, self.cancel_run)
        try:
            return self.get_run(run_id)
        except NotFound:  # run history shows a new run a little later
            return Run(
                run_id=run_id,
                experiment_name=wanted.experiment,
                run_type=PIPELINE,
                status=RunStatus.NOT_STARTED,
                created_at=datetime.now(UTC),
                portal_url=self._azure.portal_url(f"/runs/{run_id}"),
                submission_key=submission_key,
            )

    def list_step_runs(self, run_id: str) -> list[StepRun]:
        """The run's children by the names of the steps; a step that has not started has none yet."""
        run = self._pipeline_run(run_id)
        children = sorted(self._history.children(run), key=lambda child: child.created)
        try:
            origin = self._published_of(run_id).made_from
        except _Unpublished:
            origin = None
        # Of a pipeline that was not published here, nobody knows the steps before they start.
        names: Sequence[str] = [child.name for child in children] if origin is None else origin.definition.step_names
        # A step that Azure tried again has several children; the last one counts.
        by_name = {child.name: child for child in children}
        return [self._step(run, name, by_name.get(name)) for name in dict.fromkeys(names)]

    def pipeline_result(self, run_id: str) -> PipelineResult:
        """Read what the AutoML step found, and which model the last step registered."""
        run = self._pipeline_run(run_id)
        if not run.status.is_terminal:
            raise Conflict(f"run {run_id} is {run.status.value}; its result is there when it has completed.")
        if run.status is not RunStatus.COMPLETED:
            raise RunFailed(f"run {run_id} ended as {run.status.value}: {run.error or 'Azure says no more'}")
        pipeline = self._pipeline_of(run)
        if pipeline.made_from is None:
            raise InvalidRequest(f"run {run_id} is of a pipeline that was not published by airflow-azureml.")
        steps = {step.name: step.run_id for step in self.list_step_runs(run_id)}
        automl, register = steps.get(AUTOML_STEP), steps.get(REGISTER_STEP)
        if automl is None or register is None:
            raise RunFailed(f"run {run_id} completed without a run of each of its steps; run the pipeline again.")
        base = self._base(pipeline)
        return PipelineResult(
            run_id=run_id,
            pipeline_id=base.pipeline_id,
            pipeline_name=base.name,
            pipeline_version=base.number,
            dataset_name=pipeline.made_from.definition.automl.dataset_name,
            dataset_version=pipeline.made_from.dataset_version,
            automl=self.automl_result(automl),
            model=self._registered(register),
        )

    # Submitting

    def _addressed(self, endpoint: str) -> Entity:
        """The pipeline that a submission to this address is for.

        :raises InvalidRequest: it is no address of this workspace's pipelines. :raises NotFound: no such pipeline.
        """
        found = _PATH.fullmatch(_path_of(endpoint))
        ours = _names(self._azure.arm_id)
        if found is None or _names(found["workspace"]) != ours or not self._is_ours(endpoint):
            raise InvalidRequest(
                f"{shown(endpoint)} is not the endpoint of a pipeline of workspace "
                f"{self._azure.settings.workspace_name}, so no access token is sent there; take it from the published "
                "pipeline."
            )
        pipeline_id = found["pipeline"] or self._published.endpoint_by_id(found["endpoint"]).default_pipeline
        return self._published.get(pipeline_id)

    def _is_ours(self, endpoint: str) -> bool:
        """Whether the host is the one of the workspace's pipelines, or another of its cloud with Azure's own port."""
        given, own = urlsplit(endpoint), urlsplit(self._azure.url("pipelines", ""))
        if (given.scheme, given.netloc) == (own.scheme, own.netloc):
            return True
        try:
            self._azure.cloud.require_host(endpoint)
        except InvalidRequest:
            return False
        return (
            self._azure.settings.cloud_metadata_url is None and given.scheme == "https" and given.port in _HTTPS_PORTS
        )

    def _wanted(self, endpoint: str, base: Entity, submission: PipelineSubmission) -> _Wanted:
        """:raises InvalidRequest: parameters or data cannot be used."""
        if base.made_from is None:
            raise InvalidRequest(
                f"pipeline {base.name!r} ({base.pipeline_id}) was not published by airflow-azureml; nobody knows what "
                "its parameters are."
            )
        definition = base.made_from.definition.with_parameters(submission.parameters)
        version = self._check(definition)
        experiment = submission.experiment_name or definition.experiment_name
        validate_experiment_name(experiment)
        is_as_published = (
            version == base.made_from.dataset_version and definition.automl == base.made_from.definition.automl
        )
        if is_as_published:
            return _Wanted(url=endpoint, base=base, experiment=experiment)
        origin = Origin(
            definition=replace(definition, dataset_version=version),
            dataset_version=version,
            variant_of=base.pipeline_id,
        )
        variant = self._variant(base, origin, follows_latest=definition.dataset_version is None)
        return _Wanted(url=variant.url, base=base, experiment=experiment)

    def _require_run_of(self, base: Entity, found: HistoryRun, key: str) -> None:
        """:raises Conflict: the run that was found by its key is one of another pipeline."""
        other = self._base(self._pipeline_of(found)) if run_type(found) == PIPELINE else None
        if other is None or other.name != base.name:
            what = "no pipeline" if other is None else f"pipeline {other.name!r}"
            raise Conflict(
                f"submission key {shown(key)} is that of run {found.run_id} of {what}; give each submission of "
                f"pipeline {base.name!r} a key of its own."
            )

    # Runs

    def _pipeline_run(self, run_id: str) -> HistoryRun:
        """:raises NotFound: :raises InvalidRequest: it is of another kind."""
        run = self._history.get(run_id)
        if run_type(run) != PIPELINE:
            raise InvalidRequest(f"run {run_id} is not a pipeline run (it is of type {run_type(run)}).")
        return run

    def _pipeline_of(self, run: HistoryRun) -> Entity:
        """:raises InvalidRequest: the run is of no published pipeline."""
        try:
            return self._published_of(run.run_id)
        except _Unpublished as error:
            raise InvalidRequest(
                f"run {run.run_id} is of a pipeline that was submitted without being published."
            ) from error

    @cached_property
    def _published_of(self) -> Callable[[str], Entity]:
        """By the run's id; it raises `_Unpublished`.

        Read once: a run never becomes one of another pipeline, and of a pipeline nothing changes but its status.
        """

        def read(run_id: str) -> Entity:
            pipeline_id = self._published.run(run_id).get("PipelineId")
            if not pipeline_id:
                raise _Unpublished
            return self._published.get(str(pipeline_id))

        return lru_cache(_RUNS_REMEMBERED)(read)

    def _base(self, entity: Entity) -> Entity:
        """The pipeline itself when `entity` is a variant of it."""
        origin = entity.made_from
        return entity if origin is None or origin.variant_of is None else self._published.get(origin.variant_of)

    def _step(self, run: HistoryRun, name: str, child: HistoryRun | None) -> StepRun:
        if child is None:
            why = f"did not start: {run.error or f'the pipeline run is {run.status.value}'}"
            return StepRun(
                name=name,
                parent_run_id=run.run_id,
                run_id=None,
                status=RunStatus.CANCELED if run.status.is_terminal else RunStatus.NOT_STARTED,
                error=why if run.status.is_terminal else "",
            )
        error = child.error
        if not error and child.status in (RunStatus.CANCELED, RunStatus.FAILED):
            error = f"Azure says no more than {child.status.value}; see the step's logs"
        return StepRun(
            name=name,
            parent_run_id=run.run_id,
            run_id=child.run_id,
            status=child.status,
            started_at=child.started,
            ended_at=child.ended,
            error=error if child.status.is_terminal else "",
            portal_url=self._azure.portal_url(f"/runs/{child.run_id}"),
        )

    def _registered(self, run_id: str) -> ModelVersion:
        """The model that a registration step wrote down. :raises RunFailed: it wrote nothing that can be read."""
        try:
            written: dict[str, Any] = json.loads(self.read_run_file(run_id, _MODEL_OUTPUT))
            name, version = str(written["name"]), int(written["version"])
        except (NotFound, ValueError, KeyError, TypeError) as error:
            raise RunFailed(f"step run {run_id} left no {_MODEL_OUTPUT} that names its model ({error}).") from error
        return self.get_model(name, version)


def _names(path: str) -> list[str]:
    """The parts of a path to compare: in any case, and quoted or not, since clients differ in what they quote."""
    return [unquote(part).lower() for part in path.split("/")]


def _path_of(endpoint: str) -> str:
    """The path of an address, empty when it is none."""
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        return ""
    return parts.path if parts.scheme in ("http", "https") and parts.netloc else ""
