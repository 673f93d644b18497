"""The page of a DAG run: its steps, and in full what its AutoML run found. Also as one file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from airflow_azureml.ui.access import AuthorisedRun
from airflow_azureml.ui.dag_run_details import read_dag_run
from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.report import report_html

router = APIRouter()

TaskName = Annotated[str | None, Query(max_length=250)]
MapIndex = Annotated[int, Query(ge=-1)]


@router.get("/dag-run", response_class=HTMLResponse)
def show_dag_run(
    request: Request, place: AuthorisedRun, task_id: TaskName = None, map_index: MapIndex = -1
) -> HTMLResponse:
    """The run, with what the task of that name submitted if there are several. :raises Trouble:"""
    details = read_dag_run(place, datetime.now(UTC), task_id=task_id, map_index=map_index)
    return html(request, "dag_run.html", **details.given)


@router.get("/report")
def save_report(place: AuthorisedRun, task_id: TaskName = None, map_index: MapIndex = -1) -> Response:
    """The same as a file to keep. :raises Trouble:"""
    details = read_dag_run(place, datetime.now(UTC), task_id=task_id, map_index=map_index)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{place.dag_id}-{place.dag_run_id}")[:120]
    headers = {"Content-Disposition": f'attachment; filename="{name}.html"'}
    return HTMLResponse(report_html(details), headers=headers)
