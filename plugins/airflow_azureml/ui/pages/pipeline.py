"""The page of the published pipeline that a task published or found."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.access import AuthorisedTask
from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.submitted import no_such, pipeline_id_of, require_own_pipeline
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.troubles import workspace_troubles
from airflow_azureml.ui.views.pipeline import PipelineView
from airflow_azureml.ui.workspaces import page_source
from azureml_workspace.errors import NotFound

router = APIRouter()


@router.get("/pipeline", response_class=HTMLResponse)
def show_pipeline(request: Request, task: AuthorisedTask) -> HTMLResponse:
    """The pipeline and its versions. :raises Trouble:"""
    pipeline_id, fields = pipeline_id_of(task), TaskFields.of(task)
    with workspace_troubles(fields.conn_id), page_source(fields.conn_id, logs=task.reads_logs) as source:
        reading = source.reading
        try:
            pipeline = reading.need(lambda workspace: workspace.get_pipeline(pipeline_id))
        except NotFound as error:
            raise no_such(task, "pipeline") from error
        require_own_pipeline(fields, pipeline)
        view = PipelineView.read(reading, pipeline)
    portal_url = pipeline.portal_url if source.has_portal else None
    return html(request, "pipeline.html", task=task, view=view, conn_id=fields.conn_id, portal_url=portal_url)
