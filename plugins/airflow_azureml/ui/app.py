"""The FastAPI application that Airflow mounts under `/azureml`. Airflow guards nothing in it: each route does."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from airflow_azureml.links import PAGES
from airflow_azureml.ui.headers import SecureHeaders
from airflow_azureml.ui.pages import dag_run, data, models, pipeline, pipelines, run, services
from airflow_azureml.ui.rendering import FOLDER, html
from airflow_azureml.ui.troubles import Trouble

REFRESH_HEADER = "X-Refresh"
"""Sent by the script that refreshes a page, which is to be told that nobody is signed in, and not a login form."""

_NO_ACCESS = Trouble(
    HTTPStatus.FORBIDDEN,
    "You may not see this",
    "Airflow does not let you read what the tasks of this DAG wrote down (XComs).",
    "Ask whoever manages your Airflow's permissions, or sign in as somebody else.",
)
_NO_PAGE = Trouble(
    HTTPStatus.NOT_FOUND,
    "There is no such page",
    "Nothing is shown at this address.",
    "Open the page by the button on a task's page.",
)
_BAD_ADDRESS = Trouble(
    HTTPStatus.BAD_REQUEST,
    "The address is not complete",
    "It has to name dag_id, dag_run_id and task_id, and map_index as a whole number when the task is mapped.",
    "Open the page by the button on the task's page.",
)


def create_app() -> FastAPI:
    """All pages. There is no OpenAPI document: it would be public."""
    app = FastAPI(title="Azure ML", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(SecureHeaders)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    for page in (run, pipeline, dag_run, models, services, data, pipelines):
        app.include_router(page.router)
    app.add_exception_handler(Trouble, _show_trouble)
    app.add_exception_handler(HTTPException, _show_refusal)
    app.add_exception_handler(RequestValidationError, _show_bad_address)
    return app


def _show_trouble(request: Request, error: Exception) -> Response:
    trouble = cast("Trouble", error)
    return html(request, "trouble.html", status=trouble.status, trouble=trouble)


def _show_refusal(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    if status == HTTPStatus.UNAUTHORIZED:
        if REFRESH_HEADER not in request.headers and "text/html" in request.headers.get("accept", ""):
            return _to_login(request)
        return Response("Sign in to Airflow.", status_code=status, headers={"WWW-Authenticate": "Bearer"})
    return _show_trouble(request, _NO_ACCESS if status == HTTPStatus.FORBIDDEN else _NO_PAGE)


def _show_bad_address(request: Request, _error: Exception) -> Response:
    return _show_trouble(request, _BAD_ADDRESS)


def _to_login(request: Request) -> Response:
    """Airflow's own way in, whichever auth manager it has, and back here."""
    airflow = str(request.scope.get("root_path", "")).removesuffix(PAGES)
    here = quote(f"{request.url.path}?{request.url.query}", safe="")
    return RedirectResponse(f"{airflow}/api/v2/auth/login?next={here}", status_code=HTTPStatus.SEE_OTHER.value)
