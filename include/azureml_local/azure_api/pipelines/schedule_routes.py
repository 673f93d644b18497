"""Schedules over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.entities import is_wanted
from azureml_local.azure_api.pipelines.schedules import Schedules
from azureml_local.azure_api.surface import Surface


def routes(surface: Surface) -> list[Route]:
    """`Schedules`."""
    schedules = Schedules(surface)

    def create(_: Request, body: Any) -> Document:
        return schedules.create(as_object(body))

    def read_all(request: Request) -> Response:
        active_only = request.query_params.get("activeOnly")
        return JSONResponse([one for one in schedules.list_all() if is_wanted(active_only, one["EntityStatus"])])

    def read(request: Request) -> Response:
        return JSONResponse(schedules.get(request.path_params["id"]))

    def change(request: Request, body: Any) -> Document:
        return schedules.change(request.path_params["id"], as_object(body))

    def of(field: str, request: Request) -> Response:
        wanted = request.path_params["id"]
        return JSONResponse([one for one in schedules.list_all() if one[field] == wanted])

    return [
        Route("/pipelines/Schedules", read_all),
        Route("/pipelines/Schedules/Create", answering(create), methods=["POST"]),
        Route("/pipelines/Schedules/Pipeline/{id}", partial(of, "PipelineId")),
        Route("/pipelines/Schedules/PipelineEndpoint/{id}", partial(of, "PipelineEndpointId")),
        Route("/pipelines/Schedules/{id}", read),
        Route("/pipelines/Schedules/{id}", answering(change), methods=["PUT"]),
    ]
