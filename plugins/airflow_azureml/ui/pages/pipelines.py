"""The page of all published pipelines, and of what ran lately."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.submitted_runs import MOST_RUNS, submitted_runs
from airflow_azureml.ui.views.pipelines import PipelinesView
from airflow_azureml.ui.workspace_access import AuthorisedReader
from airflow_azureml.ui.workspace_pages import opened, workspace_page

router = APIRouter()


@router.get("/pipelines", response_class=HTMLResponse)
def show_pipelines(request: Request, reader: AuthorisedReader) -> HTMLResponse:
    """All pipelines, and the last runs. :raises Trouble:"""
    submitted = submitted_runs(reader.conn_id)
    with opened(reader) as reading:
        view = PipelinesView.read(reading, submitted)
    return workspace_page(request, reader, "pipelines.html", here="pipelines", view=view, most_runs=MOST_RUNS)
