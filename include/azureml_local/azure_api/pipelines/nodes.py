"""The nodes of a pipeline run's graph while it runs and afterwards: the engine's steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.graphs import StepNode, nodes_of
from azureml_local.azure_api.pipelines.runs import require_run
from azureml_local.azure_api.surface import Surface
from azureml_local.store.pipeline_run_records import StoredPipelineRun
from azureml_workspace.errors import NotFound
from azureml_workspace.records import StepRun
from azureml_workspace.statuses import RunStatus
from azureml_workspace.texts import shown

_NODE_STATUSES = {
    RunStatus.NOT_STARTED: "NotStarted",
    RunStatus.QUEUED: "Queued",
    RunStatus.PREPARING: "Queued",
    RunStatus.COMPLETED: "Finished",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELED: "Canceled",
}
_AT_WORK = "Running"


def routes(surface: Surface) -> list[Route]:
    """`PipelineRuns/.../Graph`, without the logs (`outputs`)."""

    def node_status(request: Request, body: Any) -> Document:
        return _task_status(require_node(surface, request.path_params["id"], body)[1])

    def node_status_code(request: Request, body: Any) -> Response:
        _, step = require_node(surface, request.path_params["id"], body)
        return JSONResponse(_NODE_STATUSES.get(step.status, _AT_WORK))

    def all_statuses(request: Request) -> Response:
        found = _nodes(surface, require_run(surface, request.path_params["id"]))
        return JSONResponse({node.node_id: _task_status(step) for node, step in found})

    return [
        Route("/pipelines/PipelineRuns/{id}/Graph/Node/Status", answering(node_status), methods=["POST"]),
        Route("/pipelines/PipelineRuns/{id}/Graph/Node/StatusCode", answering(node_status_code), methods=["POST"]),
        Route("/pipelines/PipelineRuns/{id}/Graph/AllNodes/Status", all_statuses, methods=["GET", "POST"]),
    ]


def require_node(surface: Surface, run_id: str, path: Any) -> tuple[StepNode, StepRun]:
    """A node of a run's graph and its step; `path`: the ids of the graphs above it and its own.

    :raises NotFound:
    """
    wanted = str(path[-1]) if isinstance(path, list) and path else ""
    for node, step in _nodes(surface, require_run(surface, run_id)):
        if node.node_id == wanted:
            return node, step
    raise NotFound(f"pipeline run {run_id} has no node {shown(wanted)}.")


def _nodes(surface: Surface, found: StoredPipelineRun) -> list[tuple[StepNode, StepRun]]:
    nodes = nodes_of(surface.documents, found.pipeline_id)
    return [(nodes[step.name], step) for step in found.steps if step.name in nodes]


def _task_status(step: StepRun) -> Document:
    return {
        "StatusCode": _NODE_STATUSES.get(step.status, _AT_WORK),
        "StatusDetail": step.error or None,
        "CreationTime": _moment(step.started_at),
        "StartTime": _moment(step.started_at),
        "EndTime": _moment(step.ended_at),
        "RunId": step.run_id,
        "HasWarnings": False,
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
