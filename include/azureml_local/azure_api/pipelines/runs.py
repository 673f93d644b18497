"""Pipeline runs and the nodes of their graphs, while they run and afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.endpoints import PipelineEndpoints
from azureml_local.azure_api.pipelines.graphs import origin_of
from azureml_local.azure_api.pipelines.submission import SCHEDULE_ID, Submissions
from azureml_local.azure_api.surface import Surface
from azureml_local.pipelines.wire import run_entity
from azureml_local.store.pipeline_run_records import StoredPipelineRun
from azureml_local.store.pipelines import UNPUBLISHED
from azureml_workspace.errors import NotFound
from azureml_workspace.texts import shown


def routes(surface: Surface) -> list[Route]:
    """`PipelineRuns`, without what their nodes made (`outputs`)."""
    runs = surface.workspace.pipelines.runs
    submissions = Submissions(surface, PipelineEndpoints(surface))

    def create(request: Request, body: Any) -> Document:
        return submissions.create(body, request.query_params.get("experimentName"))

    def submit_created(request: Request) -> Response:
        submissions.submit(request.path_params["id"])
        return Response()

    def submit_pipeline(request: Request, body: Any) -> Document:
        return _entity_of(surface, submissions.to_pipeline(request.path_params["id"], body).run_id)

    def submit_endpoint(request: Request, body: Any) -> Document:
        version = request.path_params.get("version") or request.query_params.get("pipelineVersion")
        return _entity_of(surface, submissions.to_endpoint(request.path_params["id"], version, body).run_id)

    def read(request: Request) -> Response:
        run_id = request.path_params["id"]
        created = None if runs.find(run_id) else submissions.find_unsubmitted(run_id)
        return JSONResponse(created or _entity_of(surface, run_id))

    def cancel(request: Request) -> Response:
        surface.workspace.pipelines.cancel(require_run(surface, request.path_params["id"]).run.run_id)
        return Response()

    def of_pipeline(request: Request) -> Response:
        pipeline_id = request.path_params["id"]
        surface.workspace.pipelines.published.get(pipeline_id)
        return JSONResponse(_entities_with(surface, "pipeline_id", pipeline_id))

    def of_schedule(request: Request) -> Response:
        return JSONResponse(_entities_with(surface, SCHEDULE_ID, request.path_params["id"]))

    def last_of_schedule(request: Request) -> Response:
        found = _entities_with(surface, SCHEDULE_ID, request.path_params["id"])
        return JSONResponse(found[0]) if found else Response(status_code=204)

    endpoint_submit = "/pipelines/PipelineRuns/PipelineEndpointSubmit/Id/{id}"
    return [
        Route("/pipelines/PipelineRuns/Unsubmitted/CreationInfoWithGraph", answering(create), methods=["POST"]),
        Route("/pipelines/PipelineRuns/Submit/{id}", submit_created, methods=["POST"]),
        Route("/pipelines/PipelineRuns/PipelineSubmit/{id}", answering(submit_pipeline), methods=["POST"]),
        Route(endpoint_submit, answering(submit_endpoint), methods=["POST"]),
        Route(endpoint_submit + "/{version}", answering(submit_endpoint), methods=["POST"]),
        Route("/pipelines/PipelineRuns/Pipeline/{id}", of_pipeline),
        Route("/pipelines/PipelineRuns/Schedule/{id}", of_schedule),
        Route("/pipelines/PipelineRuns/Schedule/{id}/Last", last_of_schedule),
        Route("/pipelines/PipelineRuns/{id}", read),
        Route("/pipelines/PipelineRuns/{id}/Execution", cancel, methods=["DELETE"]),
    ]


def require_run(surface: Surface, run_id: str) -> StoredPipelineRun:
    """:raises NotFound:"""
    found = surface.workspace.pipelines.runs.find(run_id)
    if found is None:
        raise NotFound(f"there is no pipeline run {shown(run_id)}.")
    return found


def _entity_of(surface: Surface, run_id: str) -> Document:
    return _entity(surface, require_run(surface, run_id))


def _entities_with(surface: Surface, name: str, value: str) -> list[Document]:
    """Of the runs that have this property, the newest first."""
    runs = surface.workspace.pipelines.runs.list_all()
    return [_entity_of(surface, run.run_id) for run in runs if run.properties.get(name) == value]


def _entity(surface: Surface, found: StoredPipelineRun) -> Document:
    """Azure's PipelineRunEntity."""
    document: Document = msgspec.json.decode(run_entity(found))
    origin = origin_of(surface.documents, found.pipeline_id) or {}
    is_published = found.run.properties.get("pipeline_name") != UNPUBLISHED
    return {
        **document,
        "PipelineId": found.pipeline_id if is_published else None,
        "GraphId": origin.get("GraphId"),
        "DataSetDefinitionValueAssignments": origin.get("DataSetDefinitionValueAssignments") or {},
        "ScheduleId": found.run.properties.get(SCHEDULE_ID),
        "HasWarnings": False,
        "UploadState": "Completed",
    }
