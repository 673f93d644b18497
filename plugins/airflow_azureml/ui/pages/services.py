"""The pages of the web services: how they do, how they are used, and trying them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from airflow_azureml.ui.rendering import html
from airflow_azureml.ui.troubles import Trouble
from airflow_azureml.ui.views.contract import ConsumeView, for_swagger_ui
from airflow_azureml.ui.views.services import ServicesView
from airflow_azureml.ui.workspace_access import ActingReader, AuthorisedReader
from airflow_azureml.ui.workspace_pages import links, opened, workspace_page
from airflow_azureml.ui.workspaces import mask
from azureml_endpoint.errors import EndpointError
from azureml_endpoint.score import PURPOSE_HEADER
from azureml_endpoint.transport import Transport
from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from airflow_azureml.ui.workspace_access import WorkspaceReader
    from azureml_workspace.records import WebService

MOST_BYTES = 10 * 1024 * 1024
"""Of a body that is tried; web services take no more."""
SECONDS = 15.0
PURPOSE = "try-it"
"""Of requests sent from a page: they count, and their rows are not taken for those of clients."""

router = APIRouter(prefix="/services")

Name = Annotated[str, Query(min_length=1, max_length=100)]


@router.get("", response_class=HTMLResponse)
def show_services(
    request: Request, reader: AuthorisedReader, name: Annotated[str | None, Query(max_length=100)] = None
) -> HTMLResponse:
    """All web services, and one of them in full. :raises Trouble:"""
    with opened(reader) as reading:
        view = ServicesView.read(reading, name)
    return workspace_page(request, reader, "services.html", here="services", view=view)


@router.get("/consume", response_class=HTMLResponse)
def show_consume(request: Request, reader: AuthorisedReader, name: Name) -> HTMLResponse:
    """Lines to copy, and a form to try the service. :raises Trouble:"""
    view = ConsumeView.read(_service(reader, name))
    return workspace_page(request, reader, "consume.html", here="services", view=view)


@router.get("/swagger", response_class=HTMLResponse)
def show_swagger(request: Request, reader: AuthorisedReader, name: Name) -> HTMLResponse:
    """Swagger UI on the service's own document. :raises Trouble:"""
    service = _service(reader, name)
    return html(request, "swagger.html", service=service, reader=reader, link=links(request, reader))


@router.get("/swagger.json")
def read_swagger(reader: AuthorisedReader, name: Name) -> JSONResponse:
    """The service's own document. :raises Trouble:"""
    try:
        return JSONResponse(for_swagger_ui(_service(reader, name)))
    except EndpointError as error:
        title = "The web service gave no description of itself"
        raise Trouble(HTTPStatus.BAD_GATEWAY, title, str(error), "Is it running?", passing=True) from error


@router.post("/keys")
def read_keys(reader: ActingReader, name: Name) -> JSONResponse:
    """Both keys, for who may change the connection that gives them. :raises HTTPException: 403."""
    if not reader.may_see_keys:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    with opened(reader) as reading:
        keys = reading.need(lambda workspace: workspace.service_keys(name))
    mask(keys.primary)
    mask(keys.secondary)
    return JSONResponse({"primary": keys.primary, "secondary": keys.secondary})


async def small_body(request: Request) -> bytes:
    """The body. :raises Trouble: it is larger than any web service takes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Trouble(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "The body is too large",
                f"A web service takes {MOST_BYTES:,} bytes at most.",
                "Send fewer rows at a time.",
            )
    return bytes(body)


@router.post("/score")
def try_score(
    reader: ActingReader,
    name: Name,
    body: Annotated[bytes, Depends(small_body)],
    authorization: Annotated[str | None, Header(alias="X-Service-Authorization", max_length=1000)] = None,
) -> Response:
    """Pass the body on to the service, with the key that the sender gave and no other; and its answer back.

    :raises HTTPException: 403, this user may not start runs. :raises Trouble:
    """
    if not reader.may_score:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    key = (authorization or "").removeprefix("Bearer ").strip() or None
    headers = {"Content-Type": "application/json", PURPOSE_HEADER: PURPOSE}
    return _passed_on(_service(reader, name), "POST", key=key, body=body, headers=headers)


@router.post("/health")
def try_health(reader: ActingReader, name: Name) -> Response:
    """Ask the service whether it is well. :raises Trouble:"""
    return _passed_on(_service(reader, name), "GET", key=None, body=None, headers={})


def _passed_on(
    service: WebService, method: str, *, key: str | None, body: bytes | None, headers: dict[str, str]
) -> Response:
    uri = service.scoring_uri if method == "POST" else f"{service.scoring_uri.rpartition('/')[0]}/"
    if key is not None:
        mask(key)
    try:
        with Transport(uri, SECONDS) as transport:
            reply = transport.exchange(method, uri, key=key, body=body, headers=headers)
    except EndpointError as error:
        return JSONResponse({"error": {"code": "NoAnswer", "message": str(error)}}, HTTPStatus.BAD_GATEWAY)
    kept = {"X-Service-Status": str(reply.status), "X-Service-Milliseconds": f"{reply.latency_ms:.1f}"}
    return Response(reply.body, status_code=reply.status, media_type=_kind(reply.body), headers=kept)


def _kind(body: bytes) -> str:
    """What the browser is told the answer is: never a page, whatever the service says."""
    try:
        json.loads(body)
    except ValueError:
        return "text/plain"
    return "application/json"


def _service(reader: WorkspaceReader, name: str) -> WebService:
    """The workspace's word on where the service is: nothing is sent to an address that a browser names."""
    with opened(reader) as reading:
        try:
            return reading.need(lambda workspace: workspace.get_service(name))
        except NotFound as error:
            raise Trouble(
                HTTPStatus.NOT_FOUND, "There is no such web service", str(error), "It was deleted, or renamed."
            ) from error
