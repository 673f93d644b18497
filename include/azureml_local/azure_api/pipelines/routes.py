"""All routes of the pipelines service."""

from __future__ import annotations

from starlette.routing import Route

from azureml_local.azure_api.pipelines import (
    endpoints,
    graphs,
    modules,
    nodes,
    outputs,
    published,
    runs,
    schedule_routes,
)
from azureml_local.azure_api.surface import Surface

_PARTS = (modules, graphs, published, endpoints, runs, nodes, outputs, schedule_routes)


def routes(surface: Surface) -> list[Route]:
    """The routes below `/pipelines`."""
    return [route for part in _PARTS for route in part.routes(surface)]
