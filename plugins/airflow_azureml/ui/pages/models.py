"""The page of the registered models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from airflow_azureml.ui.views.models import MOST_VERSIONS, ModelsView
from airflow_azureml.ui.workspace_access import AuthorisedReader
from airflow_azureml.ui.workspace_pages import opened, workspace_page

router = APIRouter()


@router.get("/models", response_class=HTMLResponse)
def show_models(
    request: Request, reader: AuthorisedReader, name: Annotated[str | None, Query(max_length=250)] = None
) -> HTMLResponse:
    """All models, and one of them in full. :raises Trouble:"""
    with opened(reader) as reading:
        view = ModelsView.read(reading, name)
    return workspace_page(request, reader, "models.html", here="models", view=view, most_versions=MOST_VERSIONS)
