"""The page of the run that a task submitted: AutoML, a pipeline, or one step of a pipeline run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.access import AuthorisedTask
from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.submitted import SubmittedRun, hook_of
from airflow_azureml.ui.troubles import workspace_troubles
from airflow_azureml.ui.views.automl import MOST_TRIALS, metrics_in_order
from airflow_azureml.ui.views.run import RunView

router = APIRouter()


# Not `async`: it waits for the database and the workspace, and FastAPI gives such a function a thread of its own.
@router.get("/run", response_class=HTMLResponse)
def show_run(
    request: Request, task: AuthorisedTask, step: Annotated[str | None, Query(max_length=250)] = None
) -> HTMLResponse:
    """The run, or the step of that name of the pipeline run. :raises Trouble:"""
    submitted = SubmittedRun.of(task)
    now = datetime.now(UTC)
    with workspace_troubles(submitted.conn_id):
        hook = hook_of(submitted.conn_id)
        workspace = hook.hurried_workspace()
        if step is None:
            view = RunView.read(workspace, submitted.run_id, now)
        else:
            view = RunView.read_step(workspace, submitted.run_id, step, now)
        has_portal = hook.has_portal
    return html(
        request,
        "run.html",
        task=task,
        view=view,
        conn_id=submitted.conn_id,
        portal_url=view.run.portal_url if has_portal else None,
        metrics_in_order=metrics_in_order,
        most_trials=MOST_TRIALS,
    )
