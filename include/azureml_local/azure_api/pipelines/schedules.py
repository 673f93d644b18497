"""Schedules of published pipelines and of pipeline endpoints, and the thread that submits what is due.

It submits while the server lives. What fell due while there was none is left out: the next run is the next that is due.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.documents import Document, Documents
from azureml_local.azure_api.pipelines.endpoints import PipelineEndpoints
from azureml_local.azure_api.pipelines.entities import ACTIVE, entity, is_wanted, read_status
from azureml_local.azure_api.pipelines.recurrence import Recurrence, read_recurrence
from azureml_local.azure_api.pipelines.submission import Submissions
from azureml_local.azure_api.surface import Surface
from azureml_local.background import BackgroundLoop
from azureml_local.pipelines.wire import SUBMISSION_KEY
from azureml_local.troubles import TroubleLog
from azureml_workspace.errors import InvalidRequest, NotFound, WorkspaceError
from azureml_workspace.texts import shown

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
_KIND = "pipeline-schedule"
_RECURRENCES = ("0", "Recurrence")
_DUE, _ORIGIN = "Due", "Origin"
"""Ours in a schedule's document: when it is due next, and what its intervals are counted from."""


def routes(surface: Surface) -> list[Route]:
    """`Schedules`."""
    schedules = Schedules(surface)

    def create(_: Request, body: Any) -> Document:
        return schedules.create(as_object(body))

    def read_all(request: Request) -> Response:
        active_only = request.query_params.get("activeOnly")
        return JSONResponse([one for one in schedules.list_all() if is_wanted(active_only, one["EntityStatus"])])

    def read(request: Request) -> Response:
        return JSONResponse(schedules.get(request.path_params["id"]))

    def change(request: Request, body: Any) -> Document:
        return schedules.change(request.path_params["id"], as_object(body))

    def of(field: str, request: Request) -> Response:
        wanted = request.path_params["id"]
        return JSONResponse([one for one in schedules.list_all() if one[field] == wanted])

    return [
        Route("/pipelines/Schedules", read_all),
        Route("/pipelines/Schedules/Create", answering(create), methods=["POST"]),
        Route("/pipelines/Schedules/Pipeline/{id}", partial(of, "PipelineId")),
        Route("/pipelines/Schedules/PipelineEndpoint/{id}", partial(of, "PipelineEndpointId")),
        Route("/pipelines/Schedules/{id}", read),
        Route("/pipelines/Schedules/{id}", answering(change), methods=["PUT"]),
    ]


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
        return _shown(_require(self._documents, key))

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
            "PipelineId": pipeline_id,
            "PipelineEndpointId": endpoint_id,
            "ProvisioningStatus": "Completed",
            "ScheduleType": "Recurrence",
            "PipelineSubmissionInfo": body.get("PipelineSubmissionInfo") or {},
            "Recurrence": body.get("Recurrence"),
            _ORIGIN: (recurrence.start or now).isoformat(),
            _DUE: recurrence.first(now).isoformat(),
        }
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
            recurrence = _recurrence(body)
            if recurrence != read_recurrence(before["Recurrence"]):
                document |= {"Recurrence": body["Recurrence"], _ORIGIN: (recurrence.start or now).isoformat()}
            elif before["EntityStatus"] == ACTIVE:
                return document
            # What it missed meanwhile is not made up for.
            return {**document, _DUE: _next(document, now).isoformat()}

        return _shown(self._documents.change(_KIND, key, changed))


class Scheduler:
    """Submits what is due, in the background."""

    def __init__(self, surface: Surface, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._documents = surface.documents
        self._submissions = Submissions(surface, PipelineEndpoints(surface))
        self._now = now
        self._loop = BackgroundLoop("schedules", self.step, TroubleLog(logger))

    def start(self) -> None:
        """Begin with what is due from now on."""
        now = self._now()
        for document in self._active():
            if datetime.fromisoformat(document[_DUE]) < now:
                self._put_off(document, _next(document, now))
        self._loop.start()

    def stop(self) -> None:
        """End, after the submission at hand."""
        self._loop.stop()

    def step(self) -> float:
        """Submit what is due; gives the seconds until the next look."""
        now = self._now()
        for document in self._active():
            due = datetime.fromisoformat(document[_DUE])
            if due <= now:
                self._submit(document, due)
                self._put_off(document, _next(document, now))
        return POLL_SECONDS

    def _active(self) -> list[Document]:
        return [document for document in self._documents.list_all(_KIND) if document["EntityStatus"] == ACTIVE]

    def _submit(self, document: Document, due: datetime) -> None:
        given = {name: value for name, value in document["PipelineSubmissionInfo"].items() if value is not None}
        # The key makes one run of it, also when this process dies before it has noted that.
        key = f"schedule {document['Id']} {due.isoformat()}"
        properties = {**(given.get("Properties") or {}), SUBMISSION_KEY: key}
        body = {**given, "Properties": properties, "RunSource": f"Schedule {document['Name']}"[:100]}
        try:
            if document["PipelineId"]:
                run = self._submissions.to_pipeline(document["PipelineId"], body, schedule_id=document["Id"])
            else:
                endpoint_id = document["PipelineEndpointId"]
                run = self._submissions.to_endpoint(endpoint_id, None, body, schedule_id=document["Id"])
        except WorkspaceError as error:
            logger.warning("%s: nothing submitted: %s", key, error)
        else:
            logger.info("%s: run %s", key, run.run_id)

    def _put_off(self, seen: Document, due: datetime) -> None:
        """Note when it is due next, unless somebody changed that meanwhile."""

        def changed(document: Document | None) -> Document:
            current = document or seen
            return {**current, _DUE: due.isoformat()} if current[_DUE] == seen[_DUE] else current

        self._documents.change(_KIND, seen["Id"], changed)


def _recurrence(body: Mapping[str, Any]) -> Recurrence:
    if str(body.get("ScheduleType")) not in _RECURRENCES or not body.get("Recurrence"):
        raise InvalidRequest(
            "this schedule waits for changes in a datastore; the local Azure ML has schedules with a recurrence."
        )
    return read_recurrence(as_object(body["Recurrence"]))


def _next(document: Document, after: datetime) -> datetime:
    return read_recurrence(document["Recurrence"]).next(datetime.fromisoformat(document[_ORIGIN]), after)


def _require(documents: Documents, key: str) -> Document:
    found = documents.find(_KIND, key)
    if found is None:
        raise _unknown(key)
    return found


def _unknown(key: str) -> NotFound:
    return NotFound(f"there is no schedule {shown(key)}.")


def _shown(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in (_DUE, _ORIGIN)}
