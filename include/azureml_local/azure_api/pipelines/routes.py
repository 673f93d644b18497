"""All routes of the pipelines service."""

from __future__ import annotations

from starlette.routing import Route

from azureml_local.azure_api.pipelines import endpoints, graphs, modules, nodes, outputs, published, runs, schedules
from azureml_local.azure_api.surface import Surface

_PARTS = (modules, graphs, published, endpoints, runs, nodes, outputs, schedules)


def routes(surface: Surface) -> list[Route]:
    """The routes below `/pipelines`."""
    return [route for part in _PARTS for route in part.routes(surface)]
