"""The page of the run that a task submitted: AutoML, a pipeline, or one step of a pipeline run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.access import AuthorisedTask
from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.submitted import no_such, require_own_run, run_id_of
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.troubles import workspace_troubles
from airflow_azureml.ui.views.automl import MOST_TRIALS, metrics_in_order
from airflow_azureml.ui.views.run import RunView
from airflow_azureml.ui.workspaces import page_source
from azureml_workspace.errors import NotFound

router = APIRouter()


# Not `async`: it waits for the database and the workspace, and FastAPI gives such a function a thread of its own.
@router.get("/run", response_class=HTMLResponse)
def show_run(
    request: Request, task: AuthorisedTask, step: Annotated[str | None, Query(max_length=250)] = None
) -> HTMLResponse:
    """The run, or the step of that name of the pipeline run. :raises Trouble:"""
    run_id, fields = run_id_of(task), TaskFields.of(task)
    now = datetime.now(UTC)
    with workspace_troubles(fields.conn_id), page_source(fields.conn_id, logs=task.reads_logs) as source:
        reading = source.reading
        try:
            run = reading.need(lambda workspace: workspace.get_run(run_id))
        except NotFound as error:
            raise no_such(task, "run") from error
        require_own_run(fields, run)
        view = RunView.read(reading, run, now) if step is None else RunView.read_step(reading, run, step, now)
    return html(
        request,
        "run.html",
        task=task,
        place=task,
        view=view,
        conn_id=fields.conn_id,
        portal_url=view.run.portal_url if source.has_portal else None,
        metrics_in_order=metrics_in_order,
        most_trials=MOST_TRIALS,
    )
