"""Published pipelines. The engine keeps and runs them; what the SDK said of them besides is noted beside."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.compiling import compile_graph
from azureml_local.azure_api.pipelines.entities import DEPRECATED, entity, is_wanted, read_status
from azureml_local.azure_api.pipelines.graphs import keep_graph, origin_of, parameters_of, remember_origin
from azureml_local.azure_api.pipelines.wire import NewPipeline
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import PublishedPipeline
from azureml_workspace.statuses import PipelineStatus


def routes(surface: Surface) -> list[Route]:
    """`Pipelines`."""
    pipelines = surface.workspace.pipelines

    def create(_: Request, body: Any) -> Document:
        return pipeline_entity(surface, _publish(surface, body))

    def read_all(request: Request) -> Response:
        active_only = request.query_params.get("activeOnly")
        found = [pipeline for pipeline in pipelines.published.list_all() if is_wanted(active_only, pipeline.status)]
        return JSONResponse([pipeline_entity(surface, pipeline) for pipeline in found])

    def read(request: Request) -> Response:
        return JSONResponse(pipeline_entity(surface, pipelines.published.get(request.path_params["id"])))

    def change_status(request: Request, body: Any) -> Document:
        status = read_status(body)
        if status == DEPRECATED:
            raise InvalidRequest("a published pipeline is Active or Disabled; only its steps' modules are Deprecated.")
        return pipeline_entity(surface, pipelines.set_status(request.path_params["id"], PipelineStatus(status)))

    return [
        Route("/pipelines/Pipelines", read_all),
        Route("/pipelines/Pipelines/Create", answering(create), methods=["POST"]),
        Route("/pipelines/Pipelines/{id}", read),
        Route("/pipelines/Pipelines/{id}/status", answering(change_status), methods=["PUT"]),
    ]


def pipeline_entity(surface: Surface, pipeline: PublishedPipeline) -> Document:
    """Azure's PipelineEntity. One that was published natively has no graph that could be shown."""
    origin = origin_of(surface.documents, pipeline.pipeline_id)
    if origin is None:
        own = {
            "Name": pipeline.name,
            "Description": pipeline.definition.description,
            "Version": str(pipeline.version),
            "GraphId": None,
            "ParameterAssignments": pipeline.definition.parameters,
            "DataSetDefinitionValueAssignments": {},
            "Properties": {},
            "tags": {},
            "ContinueRunOnStepFailure": False,
            "EnableNotification": False,
        }
    else:
        own = {**origin, "ParameterAssignments": parameters_of(surface.documents, origin["GraphId"])}
    return {
        **entity(pipeline.pipeline_id, pipeline.created_at, status=pipeline.status.value),
        **own,
        "TotalRunSteps": len(pipeline.definition.step_names),
        "Url": f"{surface.addresses.service('pipelines')}/PipelineRuns/PipelineSubmit/{pipeline.pipeline_id}",
    }


def _publish(surface: Surface, body: dict[str, Any]) -> PublishedPipeline:
    """:raises InvalidRequest: the engine cannot run it."""
    wanted = read(body, NewPipeline)
    name, description = wanted.name or "pipeline", wanted.description or ""
    compiled = compile_graph(surface, body["Graph"], name=name, description=description)
    pipelines = surface.workspace.pipelines
    pipelines.check(compiled.definition)
    graph_id = keep_graph(surface.documents, compiled.graph, body.get("GraphInterface") or {}, compiled.nodes)
    origin = {
        "Name": name,
        "Description": description,
        "Version": wanted.version or "",
        "GraphId": graph_id,
        "DataSetDefinitionValueAssignments": body.get("DataSetDefinitionValueAssignments") or {},
        "Properties": body.get("Properties") or {},
        "tags": body.get("tags") or {},
        "ContinueRunOnStepFailure": bool(body.get("ContinueRunOnStepFailure")),
        "EnableNotification": bool(body.get("EnableNotification")),
    }
    # First, so that there is no moment at which the pipeline looks as if it had been published natively.
    pipeline_id = str(uuid.uuid4())
    remember_origin(surface.documents, pipeline_id, origin)
    return pipelines.published.add(compiled.definition, pipeline_id)
