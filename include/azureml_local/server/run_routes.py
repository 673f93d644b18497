"""Routes of compute targets, runs and their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from azureml_local.files import tail_lines
from azureml_local.jobs.files import LOG_FILE
from azureml_local.pipelines.files import PIPELINE_LOG, STEP_LOG
from azureml_local.server.dependencies import WorkspaceDependency, require_same_name
from azureml_local.server.run_files import find_public_file, list_public_files
from azureml_local.server.streaming import file_as_it_is_now
from azureml_local.store.pipeline_run_records import PIPELINE_RUN, STEP_RUN
from azureml_workspace.errors import NotFound
from azureml_workspace.records import (
    AutoMLProgress,
    AutoMLResult,
    AutoMLSettings,
    ChildRun,
    ComputeTarget,
    PipelineResult,
    Run,
    StepRun,
)

router = APIRouter(prefix="/v1", tags=["runs"])

Tail = Annotated[int | None, Query(ge=1, le=100_000)]
_LOGS = {PIPELINE_RUN: PIPELINE_LOG, STEP_RUN: STEP_LOG}


@dataclass(frozen=True, kw_only=True)
class AutoMLSubmission:
    """Body of a submission."""

    settings: AutoMLSettings
    submission_key: str


@router.put("/computes/{name}")
def ensure_compute(name: str, target: ComputeTarget, workspace: WorkspaceDependency) -> ComputeTarget:
    """Find the compute target, or create it as described."""
    require_same_name("compute target", name, target.name)
    return workspace.computes.ensure(target)


@router.get("/computes")
def list_computes(workspace: WorkspaceDependency) -> list[ComputeTarget]:
    """All compute targets."""
    return workspace.computes.list_all()


@router.post("/automl-runs")
def submit_automl(submission: AutoMLSubmission, workspace: WorkspaceDependency) -> Run:
    """Submit an AutoML run, or find the one that this key submitted."""
    return workspace.submit_automl(submission.settings, submission.submission_key)


@router.get("/runs")
def list_runs(
    workspace: WorkspaceDependency, experiment: str | None = None, submission_key: str | None = None
) -> list[Run]:
    """Runs, the newest first; with a submission key, the one that submitting it again would find."""
    if submission_key is None:
        return workspace.list_runs(experiment)
    found = workspace.find_run(submission_key)
    return [] if found is None else [found]


@router.get("/runs/{run_id}")
def get_run(run_id: str, workspace: WorkspaceDependency) -> Run:
    """One run."""
    return workspace.get_run(run_id)


@router.get("/runs/{run_id}/steps")
def list_steps(run_id: str, workspace: WorkspaceDependency) -> list[StepRun]:
    """The steps of a pipeline run, in order."""
    return list(workspace.require_pipeline_run(run_id).steps)


@router.get("/runs/{run_id}/pipeline-result")
def get_pipeline_result(run_id: str, workspace: WorkspaceDependency) -> PipelineResult:
    """What a pipeline run made."""
    return workspace.pipelines.result(workspace.require_pipeline_run(run_id).run)


@router.get("/runs/{run_id}/children")
def list_children(run_id: str, workspace: WorkspaceDependency) -> list[ChildRun]:
    """The trials so far, by iteration."""
    return workspace.runs.children(workspace.require_automl_run(run_id).run_id)


@router.get("/runs/{run_id}/progress")
def get_progress(run_id: str, workspace: WorkspaceDependency) -> AutoMLProgress:
    """How far the run is."""
    return workspace.runs.progress(workspace.require_automl_run(run_id).run_id)


@router.get("/runs/{run_id}/result")
def get_result(run_id: str, workspace: WorkspaceDependency) -> AutoMLResult:
    """What the run found."""
    return workspace.automl_result(run_id)


@router.get("/runs/{run_id}/log", response_class=PlainTextResponse)
def get_log(run_id: str, workspace: WorkspaceDependency, tail: Tail = None) -> Response:
    """What the job printed, or the story of a pipeline run or step, all of it or the last lines (of a megabyte)."""
    run = workspace.get_run(run_id)
    path = _folder_of(run, workspace) / _LOGS.get(run.run_type, LOG_FILE)
    if tail is not None or not path.is_file():
        return PlainTextResponse("\n".join(tail_lines(path, tail or 0)))
    return file_as_it_is_now(path, "text/plain; charset=utf-8")


@router.post("/runs/{run_id}/cancel")
def cancel_run(run_id: str, workspace: WorkspaceDependency) -> Run:
    """Ask for the run to stop."""
    return workspace.cancel_run(run_id)


@router.get("/runs/{run_id}/files")
def list_files(run_id: str, workspace: WorkspaceDependency) -> list[str]:
    """Paths of the run's files."""
    return list_public_files(_run_folder(run_id, workspace))


@router.get("/runs/{run_id}/files/{path:path}", response_class=StreamingResponse)
def read_file(run_id: str, path: str, workspace: WorkspaceDependency, tail: Tail = None) -> Response:
    """The content of one file, or its last lines (of a megabyte) as text."""
    file = find_public_file(_run_folder(run_id, workspace), path)
    if file is None:
        raise NotFound(f"run {run_id} has no file {path!r}; list them with GET /v1/runs/{run_id}/files.")
    if tail is not None:
        return PlainTextResponse("\n".join(tail_lines(file, tail)))
    return file_as_it_is_now(file, "application/octet-stream")


def _run_folder(run_id: str, workspace: WorkspaceDependency) -> Path:
    return _folder_of(workspace.get_run(run_id), workspace)  # the id becomes a path only when it is one of ours


def _folder_of(run: Run, workspace: WorkspaceDependency) -> Path:
    return workspace.home.run(run.run_id).resolve()
