"""Schedules of published pipelines and of pipeline endpoints, as they are kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from azureml_local.azure_api.bodies import as_object
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.endpoints import PipelineEndpoints
from azureml_local.azure_api.pipelines.entities import ACTIVE, entity, read_status
from azureml_local.azure_api.pipelines.recurrence import Recurrence, read_recurrence
from azureml_local.azure_api.surface import Surface
from azureml_local.pipelines.wire import SUBMISSION_KEY, read_submission
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.texts import shown

_KIND = "pipeline-schedule"
_RECURRENCES = ("0", "Recurrence")
_DUE, _ORIGIN = "Due", "Origin"
"""Ours in a schedule's document: when it is due next, and what its intervals are counted from."""


@dataclass(frozen=True, kw_only=True)
class ActiveSchedule:
    """What is to be submitted when: to `pipeline_id`, or when that is None to `endpoint_id`.

    `info` is the body of the submission as the client gave it.
    """

    key: str
    name: str
    pipeline_id: str | None
    endpoint_id: str
    info: Mapping[str, Any]
    due: datetime

    def submission(self) -> Document:
        """The body of the submission that is due. Its key makes one run of it, however often it is submitted."""
        given = {name: value for name, value in self.info.items() if value is not None}
        spelled = {name.lower(): name for name in given}  # fields may be in any case, as on Azure
        properties = given.pop(spelled.get("properties", ""), {})
        given.pop(spelled.get("runsource", ""), None)
        return {
            **given,
            "Properties": {**properties, SUBMISSION_KEY: f"schedule {self.key} {self.due.isoformat()}"},
            "RunSource": f"Schedule {self.name}"[:100],
        }


class Schedules:
    """The schedules of the workspace as Azure's entities."""

    def __init__(self, surface: Surface, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._documents = surface.documents
        self._published = surface.workspace.pipelines.published
        self._endpoints = PipelineEndpoints(surface)
        self._now = now

    def list_all(self) -> list[Document]:
        """All of them, disabled ones too."""
        return [_shown(document) for document in self._documents.list_all(_KIND)]

    def get(self, key: str) -> Document:
        """:raises NotFound:"""
        found = self._documents.find(_KIND, key)
        if found is None:
            raise _unknown(key)
        return _shown(found)

    def create(self, body: Mapping[str, Any]) -> Document:
        """:raises InvalidRequest: it cannot be kept here. :raises NotFound: no such pipeline or endpoint."""
        pipeline_id, endpoint_id = body.get("PipelineId"), body.get("PipelineEndpointId")
        if bool(pipeline_id) == bool(endpoint_id):
            raise InvalidRequest("a schedule is of a published pipeline or of a pipeline endpoint; give one of them.")
        if pipeline_id:
            self._published.get(str(pipeline_id))
        else:
            self._endpoints.get(str(endpoint_id))
        key, now, recurrence = str(uuid.uuid4()), self._now(), _recurrence(body)
        document = {
            **entity(key, now),
            "Name": str(body.get("Name") or ""),
            "PipelineId": str(pipeline_id) if pipeline_id else None,
            "PipelineEndpointId": str(endpoint_id) if endpoint_id else None,
            "ProvisioningStatus": "Completed",
            "ScheduleType": "Recurrence",
            "PipelineSubmissionInfo": body.get("PipelineSubmissionInfo") or {},
            "Recurrence": body.get("Recurrence"),
            _ORIGIN: (recurrence.start or now).isoformat(),
            _DUE: recurrence.first(now).isoformat(),
        }
        _require_submittable(document)
        self._documents.put(_KIND, key, document)
        return _shown(document)

    def change(self, key: str, body: Mapping[str, Any]) -> Document:
        """Replace what is said of a schedule. :raises NotFound: :raises InvalidRequest: it cannot be kept here."""
        now = self._now()

        def changed(before: Document | None) -> Document:
            if before is None:
                raise _unknown(key)
            status = read_status(body.get("EntityStatus") or before["EntityStatus"])
            document = {**before, "Name": str(body.get("Name") or before["Name"]), "EntityStatus": status}
            document["PipelineSubmissionInfo"] = body.get("PipelineSubmissionInfo") or before["PipelineSubmissionInfo"]
            _require_submittable(document)
            recurrence = _recurrence(body)
            if recurrence != read_recurrence(before["Recurrence"]):
                document |= {"Recurrence": body["Recurrence"], _ORIGIN: (recurrence.start or now).isoformat()}
            elif before["EntityStatus"] == ACTIVE:
                return document
            # What it missed meanwhile is not made up for.
            return {**document, _DUE: _next(document, now).isoformat()}

        return _shown(self._documents.change(_KIND, key, changed))

    def active(self) -> list[ActiveSchedule]:
        """What is submitted at its time."""
        documents = self._documents.list_all(_KIND)
        return [_active(document) for document in documents if document["EntityStatus"] == ACTIVE]

    def put_off(self, seen: ActiveSchedule, after: datetime) -> None:
        """Note that it is due next at its first time after `after`, unless somebody changed that meanwhile."""

        def changed(document: Document | None) -> Document:
            if document is None:
                raise _unknown(seen.key)
            if document[_DUE] != seen.due.isoformat():
                return document
            return {**document, _DUE: _next(document, after).isoformat()}

        self._documents.change(_KIND, seen.key, changed)


def _require_submittable(document: Document) -> None:
    """:raises InvalidRequest: what is to be submitted is no submission."""
    try:
        given = as_object(document["PipelineSubmissionInfo"])
        read_submission(msgspec.json.encode({name: value for name, value in given.items() if value is not None}))
        read_submission(msgspec.json.encode(_active(document).submission()))
    except InvalidRequest as error:
        raise InvalidRequest(f"PipelineSubmissionInfo cannot be submitted: {error}") from error


def _active(document: Document) -> ActiveSchedule:
    return ActiveSchedule(
        key=document["Id"],
        name=document["Name"],
        pipeline_id=document["PipelineId"],
        endpoint_id=document["PipelineEndpointId"] or "",
        info=document["PipelineSubmissionInfo"],
        due=datetime.fromisoformat(document[_DUE]),
    )


def _recurrence(body: Mapping[str, Any]) -> Recurrence:
    if str(body.get("ScheduleType")) not in _RECURRENCES or not body.get("Recurrence"):
        raise InvalidRequest(
            "this schedule waits for changes in a datastore; the local Azure ML has schedules with a recurrence."
        )
    return read_recurrence(as_object(body["Recurrence"]))


def _next(document: Document, after: datetime) -> datetime:
    return read_recurrence(document["Recurrence"]).next(datetime.fromisoformat(document[_ORIGIN]), after)


def _unknown(key: str) -> NotFound:
    return NotFound(f"there is no schedule {shown(key)}.")


def _shown(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in (_DUE, _ORIGIN)}
