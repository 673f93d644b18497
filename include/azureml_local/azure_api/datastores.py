"""Datastores: the names of the storage account's containers."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.addresses import RESOURCE_GROUP, SUBSCRIPTION_ID
from azureml_local.azure_api.errors import azure_error
from azureml_local.azure_api.storage import ARTIFACTS, DATA
from azureml_local.azure_api.storage.account import ACCOUNT_NAME, StorageAccount
from azureml_local.azure_api.surface import Surface

DEFAULT_DATASTORE = "workspaceblobstore"
_CONTAINERS = {DEFAULT_DATASTORE: DATA, "workspaceartifactstore": ARTIFACTS}


def routes(surface: Surface) -> list[Route]:
    """The two that every workspace has; others cannot be registered here."""
    account = surface.storage.account

    async def default(_: Request) -> Response:
        return JSONResponse(_datastore(account, DEFAULT_DATASTORE))

    async def read(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _CONTAINERS:
            known = ", ".join(_CONTAINERS)
            return azure_error(404, "UserError", f"Could not find datastore {name}; the datastores are {known}.")
        return JSONResponse(_datastore(account, name))

    async def read_all(_: Request) -> Response:
        return JSONResponse({"value": [_datastore(account, name) for name in _CONTAINERS], "continuationToken": None})

    return [
        Route("/datastore/default", default),
        Route("/datastore/datastores", read_all),
        Route("/datastore/datastores/{name}", read),
    ]


def container_of(datastore: str) -> str | None:
    """The container that a datastore names; None when there is no such datastore."""
    return _CONTAINERS.get(datastore)


def _datastore(account: StorageAccount, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "dataStoreType": "AzureBlob",
        "hasBeenValidated": True,
        "tags": {},
        "azureStorageSection": {
            "accountName": ACCOUNT_NAME,
            "containerName": _CONTAINERS[name],
            "endpoint": account.endpoint,
            "protocol": "https",
            "credentialType": "AccountKey",
            "credential": account.key,
            "accountKey": account.key,
            "isSas": False,
            "sasToken": "",
            "blobCacheTimeout": 0,
            "subscriptionId": SUBSCRIPTION_ID,
            "resourceGroup": RESOURCE_GROUP,
        },
    }
