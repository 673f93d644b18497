"""Environments: what scripts register is kept as it came, by name and version. Nothing is built from them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import NotFound

_KIND = "environment"


def routes(surface: Surface) -> list[Route]:
    """The routes below `/environment`. AutoML asks for its curated ones, goes on without them, and needs none here."""
    documents = surface.documents

    def read(request: Request, _: Any) -> Any:
        name, version = request.path_params["name"], request.path_params.get("version")
        found = documents.find(_KIND, name)
        versions = found["versions"] if found is not None else []
        number = len(versions) if version is None else int(version) if version.isdigit() else 0
        if not 1 <= number <= len(versions):
            raise NotFound(f"there is no environment {name!r}{f' of version {version}' if version else ''}.")
        return versions[number - 1]

    def register(request: Request, body: Any) -> Any:
        name, definition = request.path_params["name"], as_object(body)

        def added(found: Document | None) -> Document:
            versions = found["versions"] if found is not None else []
            new = {**definition, "name": name, "version": str(len(versions) + 1)}
            is_same = versions and {**versions[-1], "version": None} == {**new, "version": None}
            return {"versions": versions if is_same else [*versions, new]}

        return documents.change(_KIND, name, added)["versions"][-1]

    base = "/environment/environments/{name}"
    return [
        Route(base, answering(read)),
        Route(base, answering(register), methods=["PUT"]),
        Route(f"{base}/versions/{{version}}", answering(read)),
        Route(f"{base}/labels/latest", answering(read)),
    ]
