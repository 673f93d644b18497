"""The page of the published pipeline that a task published or found."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.access import AuthorisedTask
from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.submitted import ShownPipeline, hook_of
from airflow_azureml.ui.troubles import workspace_troubles
from airflow_azureml.ui.views.pipeline import PipelineView

router = APIRouter()


@router.get("/pipeline", response_class=HTMLResponse)
def show_pipeline(request: Request, task: AuthorisedTask) -> HTMLResponse:
    """The pipeline and its versions. :raises Trouble:"""
    shown = ShownPipeline.of(task)
    with workspace_troubles(shown.conn_id):
        hook = hook_of(shown.conn_id)
        view = PipelineView.read(hook.hurried_workspace(), shown.pipeline_id)
        portal_url = view.pipeline.portal_url if hook.has_portal else None
    return html(request, "pipeline.html", task=task, view=view, conn_id=shown.conn_id, portal_url=portal_url)
