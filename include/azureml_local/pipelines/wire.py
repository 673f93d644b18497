"""Azure's own shape of a submission and of a pipeline run (the REST models of `azureml-pipeline-core`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from azureml_local.pipelines.definition import read_object, unknown_field
from azureml_local.pipelines.manager import Submitted
from azureml_local.store.pipeline_run_records import RESERVED_PROPERTIES, StoredPipelineRun
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import PipelineSubmission
from azureml_workspace.statuses import RunStatus
from azureml_workspace.texts import shown

SUBMISSION_KEY = "submission_key"
"""The property that makes a submission safe to repeat."""

_RUN_SOURCE = "REST"
_LONGEST_RUN_SOURCE = 100
_STATUS_CODES = {
    RunStatus.NOT_STARTED: "NotStarted",
    RunStatus.COMPLETED: "Finished",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELED: "Canceled",
}
_ON_ITS_WAY = "Running"


class PipelineSubmissionInfo(msgspec.Struct, rename="pascal", frozen=True, kw_only=True):
    """The body of a submission. Values of parameters are text; a number is taken for its text."""

    experiment_name: str | None = None
    description: str | None = None
    run_source: str | None = None
    run_type: str | int | None = None
    parameter_assignments: dict[str, str | int | float | None] | None = None
    data_path_assignments: dict[str, Any] | None = None
    data_set_definition_value_assignments: dict[str, Any] | None = None
    schedule_id: str | None = None
    continue_run_on_step_failure: bool | None = None
    enable_notification: bool | None = None
    tags: dict[str, str] | None = msgspec.field(name="tags", default=None)
    properties: dict[str, str] | None = None


class PipelineRunStatus(msgspec.Struct, rename="pascal", frozen=True, kw_only=True):
    """`Status` of a pipeline run; `status_detail` is the reason in words."""

    status_code: str
    status_detail: str | None
    creation_time: datetime
    end_time: datetime | None


class PipelineRunEntity(msgspec.Struct, rename="pascal", frozen=True, kw_only=True):
    """A pipeline run. What this workspace has no notion of is left out."""

    id: str
    pipeline_id: str
    run_history_experiment_name: str
    description: str
    status: PipelineRunStatus
    is_submitted: bool
    has_errors: bool
    parameter_assignments: Mapping[str, str]
    run_source: str
    run_type: str
    total_run_steps: int
    tags: Mapping[str, str] = msgspec.field(name="tags")
    properties: Mapping[str, str]
    created_date: datetime
    entity_status: str = "Active"


_FIELDS = {field.encode_name.lower(): field.encode_name for field in msgspec.structs.fields(PipelineSubmissionInfo)}


def read_submission(body: bytes) -> Submitted:
    """What the body of a POST says, whatever its content type. Names of fields may be in any case, as on Azure.

    :raises InvalidRequest: it is no JSON object, or a field is not one of Azure's or has a value it cannot have.
    """
    given: dict[str, Any] = {}
    for name, value in read_object(body, '{"ExperimentName": "retrain"}').items():
        known = _FIELDS.get(name.lower())
        if known is None:
            raise unknown_field("a submission", name, _FIELDS.values())
        if known in given:
            raise InvalidRequest(f"the body has {known} twice, in different spellings; give it once.")
        given[known] = value
    try:
        info = msgspec.convert(given, PipelineSubmissionInfo)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the body cannot be used: {error}.") from error
    for name, assigned in (
        ("DataPathAssignments", info.data_path_assignments),
        ("DataSetDefinitionValueAssignments", info.data_set_definition_value_assignments),
    ):
        if assigned:
            raise InvalidRequest(f"{name} names {shown(next(iter(assigned)))}; pipelines here have no such parameters.")
    properties = dict(info.properties or {})
    key = properties.pop(SUBMISSION_KEY, None)
    if key is not None and not key.strip():
        raise InvalidRequest(f"Properties.{SUBMISSION_KEY} is empty; leave it out, or give each submission its own.")
    taken = sorted(set(properties) & RESERVED_PROPERTIES)
    if taken:
        raise InvalidRequest(f"Properties.{taken[0]} is a property that the run has itself; choose another name.")
    run_source = info.run_source or _RUN_SOURCE
    if len(run_source) > _LONGEST_RUN_SOURCE or not run_source.isprintable():
        raise InvalidRequest(
            f"RunSource is {shown(run_source)}; give one line of at most {_LONGEST_RUN_SOURCE} printable characters."
        )
    return Submitted(
        submission=PipelineSubmission(
            experiment_name=info.experiment_name or None,
            parameters={name: _text(value) for name, value in (info.parameter_assignments or {}).items()},
            run_source=run_source,
        ),
        key=key,
        description=info.description or "",
        tags=info.tags or {},
        properties=properties,
    )


def run_entity(found: StoredPipelineRun) -> bytes:
    """The JSON of a pipeline run. `ParameterAssignments` are all parameters as they are in effect."""
    run, key = found.run, found.run.submission_key
    entity = PipelineRunEntity(
        id=run.run_id,
        pipeline_id=found.pipeline_id,
        run_history_experiment_name=run.experiment_name,
        description=found.description,
        status=PipelineRunStatus(
            status_code=_STATUS_CODES.get(run.status, _ON_ITS_WAY),
            status_detail=run.error or None,
            creation_time=run.created_at,
            end_time=run.ended_at,
        ),
        is_submitted=True,
        has_errors=run.status is RunStatus.FAILED,
        parameter_assignments=found.parameters,
        run_source=found.run_source,
        run_type="HTTP",
        total_run_steps=len(found.steps),
        tags=found.tags,
        properties=run.properties if key is None else {**run.properties, SUBMISSION_KEY: key},
        created_date=run.created_at,
    )
    return msgspec.json.encode(entity)


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    # 3.0 is how some clients write 3, and a parameter that wants a whole number takes no point.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
