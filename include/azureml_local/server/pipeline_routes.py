"""Routes of published pipelines: this server's own, and those that Azure has for submitting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from azureml_local.pipelines.definition import read_definition
from azureml_local.pipelines.wire import read_submission, run_entity
from azureml_local.server.dependencies import VersionInQuery, WorkspaceDependency
from azureml_local.server.workspace import LocalWorkspace
from azureml_local.store.links import ENDPOINT_SUBMIT, PIPELINE_RUNS, PIPELINE_SUBMIT
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import PublishedPipeline
from azureml_workspace.statuses import PipelineStatus
from azureml_workspace.texts import shown

router = APIRouter(tags=["pipelines"])

_DEFINITION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PipelineDefinition"}}},
    }
}
_SUBMISSION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Azure's PipelineSubmissionInfo, for example ExperimentName and ParameterAssignments (text).",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_ENTITY: dict[int | str, dict[str, Any]] = {
    200: {"description": "Azure's PipelineRunEntity.", "content": {"application/json": {"schema": {"type": "object"}}}}
}


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """Body of a change of status."""

    status: str


@router.post("/v1/pipelines", openapi_extra=_DEFINITION)
async def publish(request: Request, workspace: WorkspaceDependency) -> PublishedPipeline:
    """Publish the next version, or find the default version when it is active and has this definition."""
    # Not a parameter: FastAPI drops fields that there are none of, and takes true for 1.
    definition = read_definition(await request.body())
    return await run_in_threadpool(workspace.pipelines.publish, definition)


@router.get("/v1/pipelines")
def list_pipelines(workspace: WorkspaceDependency, name: str | None = None) -> list[PublishedPipeline]:
    """Every published version, by name and the newest first."""
    return workspace.pipelines.published.list_all(name)


@router.get("/v1/pipelines/{pipeline_id}")
def get_pipeline(pipeline_id: str, workspace: WorkspaceDependency) -> PublishedPipeline:
    """One published version."""
    return workspace.pipelines.published.get(pipeline_id)


@router.put("/v1/pipelines/{pipeline_id}/status")
def set_status(pipeline_id: str, change: StatusChange, workspace: WorkspaceDependency) -> PublishedPipeline:
    """Enable or disable one version."""
    status = PipelineStatus(change.status)
    if status is PipelineStatus.UNKNOWN:
        raise InvalidRequest(
            f"status is {shown(change.status)}; give {PipelineStatus.ACTIVE.value} or {PipelineStatus.DISABLED.value}."
        )
    return workspace.pipelines.set_status(pipeline_id, status)


@router.post("/v1/pipelines/{pipeline_id}/default")
def set_default(pipeline_id: str, workspace: WorkspaceDependency) -> PublishedPipeline:
    """Make this version the one that its pipeline endpoint submits."""
    return workspace.pipelines.published.set_default(pipeline_id)


@router.get("/v1/pipeline-endpoints/{name}")
def find_pipeline(name: str, workspace: WorkspaceDependency, version: VersionInQuery = None) -> PublishedPipeline:
    """One version of that name, the default when none is named."""
    return workspace.pipelines.published.find(name, version)


# Azure's


@router.post(PIPELINE_SUBMIT + "/{pipeline_id}", openapi_extra=_SUBMISSION, responses=_ENTITY)
async def submit(pipeline_id: str, request: Request, workspace: WorkspaceDependency) -> Response:
    """Run one published version."""
    submitted = read_submission(await request.body())
    run = await run_in_threadpool(workspace.pipelines.submit, pipeline_id, submitted)
    return await run_in_threadpool(_entity, workspace, run.run_id)


@router.post(ENDPOINT_SUBMIT + "/{endpoint_id}", openapi_extra=_SUBMISSION, responses=_ENTITY)
async def submit_default(endpoint_id: str, request: Request, workspace: WorkspaceDependency) -> Response:
    """Run the default version of a pipeline endpoint."""
    submitted = read_submission(await request.body())
    run = await run_in_threadpool(workspace.pipelines.submit_default, endpoint_id, submitted)
    return await run_in_threadpool(_entity, workspace, run.run_id)


@router.get(PIPELINE_RUNS + "/{run_id}", responses=_ENTITY)
def get_pipeline_run(run_id: str, workspace: WorkspaceDependency) -> Response:
    """One pipeline run."""
    return _entity(workspace, run_id)


@router.delete(PIPELINE_RUNS + "/{run_id}/Execution")
def cancel_pipeline_run(run_id: str, workspace: WorkspaceDependency) -> Response:
    """Ask for a pipeline run to stop; one that has ended stays as it is."""
    workspace.pipelines.cancel(workspace.require_pipeline_run(run_id).run.run_id)
    return Response()


def _entity(workspace: LocalWorkspace, run_id: str) -> Response:
    found = workspace.require_pipeline_run(run_id)
    return Response(run_entity(found), media_type="application/json")
