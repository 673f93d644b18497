"""The dataset service, and what the SDK needs of the data service."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.datasets.catalog import TABULAR, Catalog, Definition, Registration
from azureml_local.azure_api.datasets.dataflow import mltable_of
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound

_UNREGISTERED = "unregistered-"


def routes(surface: Surface) -> list[Route]:
    """Registered and saved datasets, and their dataflows."""
    catalog = Catalog(surface)
    return [*_registered_routes(catalog), *_saved_routes(catalog, surface)]


def _registered_routes(catalog: Catalog) -> list[Route]:
    def register(request: Request, body: Any) -> dict[str, Any]:
        sent = as_object(body)
        found = catalog.register(
            str(sent.get("name", "")),
            _definition_of(as_object(sent.get("latest") or {}), sent.get("datasetType")),
            description=sent.get("description"),
            tags=sent.get("tags") or {},
            exists_ok=request.query_params.get("ifExistsOk", "").lower() == "true",
        )
        return _dataset(found)

    def read_all(_: Request, __: Any) -> dict[str, Any]:
        return {"value": [_dataset(found) for found in catalog.latest()], "continuationToken": None}

    def read_by_name(request: Request, _: Any) -> dict[str, Any]:
        version = request.query_params.get("versionId", "")
        if version and not version.isdecimal():
            raise InvalidRequest(f"versionId is {version!r}; give a number.")
        return _dataset(catalog.get(request.path_params["name"], int(version) if version else None))

    def read_by_saved_id(request: Request, _: Any) -> dict[str, Any]:
        found = catalog.find_registered(request.path_params["saved_id"])
        return {"value": [] if found is None else [_dataset(found)], "continuationToken": None}

    def update(_: Request, body: Any) -> dict[str, Any]:
        sent = as_object(body)
        version = str(as_object(sent.get("latest") or {}).get("versionId") or "")
        known = catalog.get(str(sent.get("name", "")), int(version) if version.isdecimal() else None)
        return _dataset(
            catalog.update(known.name, known.version, description=sent.get("description"), tags=sent.get("tags") or {})
        )

    return [
        Route("/dataset/datasets", answering(read_all)),
        Route("/dataset/datasets", answering(register), methods=["POST"]),
        Route("/dataset/datasets/query/name={name}", answering(read_by_name)),
        Route("/dataset/datasets/query/savedDatasetId={saved_id}", answering(read_by_saved_id)),
        Route("/dataset/datasets/{dataset_id}", answering(update), methods=["PUT"]),
    ]


def _saved_routes(catalog: Catalog, surface: Surface) -> list[Route]:
    def save(_: Request, body: Any) -> dict[str, Any]:
        sent = as_object(body)
        definition = Definition(
            dataflow=str(sent.get("dataflowJson") or ""),
            dataset_type=sent.get("datasetType") or TABULAR,
            properties=sent.get("properties") or {},
        )
        mltable_of(definition.dataflow)
        return _saved(catalog.save(definition), definition)

    def read_saved(request: Request, _: Any) -> dict[str, Any]:
        saved_id = request.path_params["saved_id"]
        return _saved(saved_id, catalog.definition(saved_id))

    def read_data_version(request: Request, _: Any) -> dict[str, Any]:
        name, version = request.path_params["name"], request.path_params["version"]
        if not name.startswith(_UNREGISTERED):
            raise NotFound(f"there is no data asset {name!r} of version {version}; only datasets of SDK v1 are here.")
        return _data_version(surface, name, mltable_of(catalog.definition(name.removeprefix(_UNREGISTERED)).dataflow))

    return [
        Route("/dataset/saveddatasets", answering(save), methods=["POST"]),
        Route("/dataset/saveddatasets/{saved_id}", answering(read_saved)),
        Route("/data/dataversion/{name}/versions/{version}", answering(read_data_version)),
    ]


def _definition_of(latest: dict[str, Any], dataset_type: str | None) -> Definition:
    """:raises InvalidRequest: there is no dataflow."""
    dataflow = str(latest.get("dataflow") or "")
    mltable_of(dataflow)
    return Definition(
        dataflow=dataflow, dataset_type=dataset_type or TABULAR, properties=latest.get("properties") or {}
    )


def _dataset(found: Registration) -> dict[str, Any]:
    created = found.created_at.isoformat()
    return {
        "datasetId": found.dataset_id,
        "name": found.name,
        "description": found.description,
        "tags": found.tags,
        "isVisible": True,
        "datasetType": found.definition.dataset_type,
        "createdTime": created,
        "modifiedTime": created,
        "etag": None,
        "latest": {
            "datasetId": found.dataset_id,
            "versionId": str(found.version),
            "savedDatasetId": found.saved_id,
            "datasetDefinitionState": {"state": "active"},
            "dataflow": found.definition.dataflow,
            "properties": found.definition.properties,
            "createdTime": created,
            "modifiedTime": created,
        },
    }


def _saved(saved_id: str, definition: Definition) -> dict[str, Any]:
    return {
        "id": saved_id,
        "datasetType": definition.dataset_type,
        "properties": definition.properties,
        "dataflowJson": definition.dataflow,
    }


def _data_version(surface: Surface, name: str, mltable: str) -> dict[str, Any]:
    return {
        "legacyDataflow": mltable,
        "dataVersion": {
            "assetId": f"azureml://locations/local/workspaces/{surface.addresses.workspace_guid}/data/{name}/versions/1",
            "dataContainerName": name,
            "dataType": "mltable",
            "dataUri": "",
            "versionId": "1",
            "mutableProps": {},
            "referencedDataUris": [],
            "properties": {},
        },
        "entityMetadata": {},
    }
