"""Pipelines: what is published, what a submission says, and what a pipeline run made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import msgspec

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.automl import AutoMLConfig, AutoMLResult, AutoMLSettings
from azureml_workspace.records.base import Record, check_whole_number
from azureml_workspace.records.model import ModelVersion
from azureml_workspace.records.names import validate_experiment_name, validate_model_name, validate_pipeline_name
from azureml_workspace.statuses import PipelineStatus, RunStatus
from azureml_workspace.texts import shown

N = TypeVar("N", int, float)

LATEST = "latest"
"""The `dataset_version` that means: whichever is the latest when the run is submitted."""

PIPELINE_PARAMETERS = ("dataset_version", "experiment_timeout_minutes", "iterations", "max_concurrent_iterations")
"""What a submission may assign. Values are text, as in Azure's `ParameterAssignments`; empty text is the default."""

AUTOML_STEP = "automl"
REGISTER_STEP = "register_model"


@dataclass(frozen=True, kw_only=True)
class PipelineDefinition(Record):
    """A pipeline of two steps, `automl` and then `register_model`.

    `name` is shared by all versions and is the pipeline endpoint's. Runs of a submission that names no experiment
    belong to `experiment_name`. `dataset_version` None stands for the latest at the time of the submission.

    `model_name` is empty in a pipeline that registers no model and ends with its first step. Such a one cannot be
    published from here; it comes from a script that speaks to the workspace by other means.
    """

    name: str
    automl: AutoMLConfig
    model_name: str
    experiment_name: str
    dataset_version: int | None = None
    model_tags: dict[str, str] = field(default_factory=dict)
    description: str = ""

    def validate(self) -> None:
        """:raises InvalidRequest: names the first bad value, what was expected and what to do."""
        validate_model_name(self.model_name)
        self._validate_rest()

    def _validate_rest(self) -> None:
        validate_pipeline_name(self.name)
        validate_experiment_name(self.experiment_name)
        check_whole_number("dataset_version", self.dataset_version, 1)
        self.automl.validate()

    @property
    def step_names(self) -> tuple[str, ...]:
        """Its steps, in order."""
        return (AUTOML_STEP, REGISTER_STEP) if self.model_name else (AUTOML_STEP,)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything it says: equal definitions have equal fingerprints."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters with their defaults, as text."""
        version = LATEST if self.dataset_version is None else str(self.dataset_version)
        iterations = "" if self.automl.iterations is None else str(self.automl.iterations)
        return {
            "dataset_version": version,
            "experiment_timeout_minutes": _number_text(self.automl.experiment_timeout_minutes),
            "iterations": iterations,
            "max_concurrent_iterations": str(self.automl.max_concurrent_iterations),
        }

    def with_parameters(self, assignments: Mapping[str, str]) -> PipelineDefinition:
        """The definition with those values for its parameters.

        :raises InvalidRequest: there is no such parameter, or a value cannot be one of it.
        """
        unknown = sorted(set(assignments) - set(PIPELINE_PARAMETERS))
        if unknown:
            raise InvalidRequest(
                f"pipeline {self.name} has no parameter {shown(unknown[0])}; it has {', '.join(PIPELINE_PARAMETERS)}."
            )
        given = {name: text.strip() for name, text in assignments.items() if text.strip()}
        version, automl = self.dataset_version, self.automl
        if "dataset_version" in given:
            text = given["dataset_version"]
            version = None if text == LATEST else _converted("dataset_version", text, int, f"a version or {LATEST!r}")
        if "experiment_timeout_minutes" in given:
            minutes = _converted("experiment_timeout_minutes", given["experiment_timeout_minutes"], float, "a number")
            automl = replace(automl, experiment_timeout_minutes=minutes)
        if "iterations" in given:
            automl = replace(automl, iterations=_converted("iterations", given["iterations"], int, "a whole number"))
        if "max_concurrent_iterations" in given:
            at_once = _converted("max_concurrent_iterations", given["max_concurrent_iterations"], int, "a whole number")
            automl = replace(automl, max_concurrent_iterations=at_once)
        changed = replace(self, dataset_version=version, automl=automl)
        changed._validate_rest()
        return changed

    def settings(self, *, experiment_name: str, latest_version: int) -> AutoMLSettings:
        """What the AutoML step is submitted with."""
        return AutoMLSettings.of(
            self.automl, experiment_name=experiment_name, dataset_version=self.dataset_version or latest_version
        )


@dataclass(frozen=True, kw_only=True)
class PublishedPipeline(Record):
    """One published version of a pipeline.

    `endpoint` is the REST address of this version, `pipeline_endpoint` the one of the name, which submits whichever
    version is the default. A disabled pipeline refuses submissions.
    """

    pipeline_id: str
    name: str
    version: int
    status: PipelineStatus
    is_default: bool
    endpoint: str
    pipeline_endpoint: str
    definition: PipelineDefinition
    created_at: datetime
    portal_url: str


@dataclass(frozen=True, kw_only=True)
class PipelineSubmission(Record):
    """What is posted to an endpoint. `experiment_name` None leaves it to the definition; values are text.

    `run_source` says who submits it, in one short line.
    """

    experiment_name: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    run_source: str = "Airflow"


@dataclass(frozen=True, kw_only=True)
class StepRun(Record):
    """One step of a pipeline run, also before it started. `run_id` is None until then.

    Its files (`logs/...`, `outputs/...`) are read like those of any run.
    """

    name: str
    parent_run_id: str
    run_id: str | None
    status: RunStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""
    portal_url: str = ""


@dataclass(frozen=True, kw_only=True)
class PipelineResult(Record):
    """What a completed pipeline run made."""

    run_id: str
    pipeline_id: str
    pipeline_name: str
    pipeline_version: int
    dataset_name: str
    dataset_version: int
    automl: AutoMLResult
    model: ModelVersion


def _number_text(number: float) -> str:
    """The shortest text that gives exactly this number again."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _converted(name: str, text: str, kind: type[N], expected: str) -> N:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"pipeline parameter {name} is {shown(text)}; give {expected}.") from error
