"""The page of the datasets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.views.datasets import MOST_COLUMNS, MOST_VERSIONS, DataView
from airflow_azureml.ui.workspace_access import AuthorisedReader
from airflow_azureml.ui.workspace_pages import opened, workspace_page

router = APIRouter()

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("/data", response_class=HTMLResponse)
def show_data(
    request: Request,
    reader: AuthorisedReader,
    name: Annotated[str | None, Query(max_length=250)] = None,
    version: Version = None,
    against: Version = None,
) -> HTMLResponse:
    """All datasets, and a version of one of them in full. :raises Trouble:"""
    with opened(reader) as reading:
        view = DataView.read(reading, name, version, against)
    return workspace_page(
        request,
        reader,
        "data.html",
        here="data",
        view=view,
        most_versions=MOST_VERSIONS,
        most_columns=MOST_COLUMNS,
    )
