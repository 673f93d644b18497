"""A template as the answer to a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse

from airflow_azureml.links import PAGES
from airflow_azureml.ui.templating import FOLDER, render

if TYPE_CHECKING:
    from fastapi import Request

__all__ = ["FOLDER", "html"]


def html(request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **given: Any) -> HTMLResponse:
    """The page. Templates also know `pages` and `airflow`, the paths below which the pages and Airflow's UI are."""
    pages = str(request.scope.get("root_path", ""))
    text = render(template, pages=pages, airflow=pages.removesuffix(PAGES), **given)
    return HTMLResponse(text, status_code=status.value)
