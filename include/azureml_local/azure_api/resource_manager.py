"""Azure Resource Manager: the cloud, the subscription, the workspace and where its services are."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.addresses import (
    CLOUD_NAME,
    LOCATION,
    PROVIDER,
    SUBSCRIPTION_ID,
    TENANT_ID,
    WORKSPACE_NAME,
    Addresses,
)
from azureml_local.azure_api.surface import Surface

_SERVICES = (
    "api",
    "experimentation",
    "history",
    "hyperdrive",
    "modelmanagement",
    "studio",
    "catalog",
    "inferencing",
    "pipelines",
    "datastore",
    "notebooks",
    "aether",
    "jasmine",
)
_KIND = "workspace"
"""Kind of document: since when there is this workspace for Azure's clients."""


def routes(surface: Surface) -> list[Route]:
    """The cloud's metadata, the subscription, the workspace and its discovery."""
    addresses = surface.addresses
    first_seen = surface.documents.change(
        _KIND, WORKSPACE_NAME, lambda found: found or {"creationTime": datetime.now(UTC).isoformat()}
    )

    async def cloud(_: Request) -> Response:
        return JSONResponse([_cloud(addresses)])

    async def subscriptions(_: Request) -> Response:
        subscription = {
            "id": f"/subscriptions/{SUBSCRIPTION_ID}",
            "subscriptionId": SUBSCRIPTION_ID,
            "displayName": "local Azure ML",
            "state": "Enabled",
            "tenantId": TENANT_ID,
        }
        return JSONResponse({"value": [subscription]})

    async def workspace(_: Request) -> Response:
        return JSONResponse(_workspace(addresses, first_seen["creationTime"]))

    async def permissions(_: Request) -> Response:
        # Who has the server's token may do everything.
        return JSONResponse({"value": [{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}]})

    async def discovery(_: Request) -> Response:
        return JSONResponse(dict.fromkeys(_SERVICES, addresses.plain))

    return [
        Route("/metadata/endpoints", cloud),
        Route("/subscriptions", subscriptions),
        Route("/arm", workspace),
        Route("/arm/providers/Microsoft.Authorization/permissions", permissions),
        Route("/discovery", discovery),
        Route("/discovery/{rest:path}", discovery),
    ]


def _cloud(addresses: Addresses) -> dict[str, object]:
    return {
        "name": CLOUD_NAME,
        "portal": "https://portal.azureml.local",  # the SDK wants at least three labels
        "resourceManager": addresses.secure,
        "authentication": {
            "loginEndpoint": f"{addresses.secure}/signin",
            "audiences": [f"{addresses.secure}/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graphAudience": f"{addresses.secure}/graph",
        "graph": f"{addresses.secure}/graph",
        "media": addresses.secure,
        "batch": addresses.secure,
        "gallery": addresses.secure,
        "vmImageAliasDoc": addresses.secure,
        "sqlManagement": addresses.secure,
        "activeDirectoryDataLake": addresses.secure,
        "suffixes": {
            "acrLoginServer": "azurecr.azureml.local",
            "keyVaultDns": "vault.azureml.local",
            "storage": "core.azureml.local",
            "sqlServerHostname": "database.azureml.local",
            "azureDataLakeStoreFileSystem": "adls.azureml.local",
            "azureDataLakeAnalyticsCatalogAndJob": "adla.azureml.local",
        },
    }


def _workspace(addresses: Addresses, created: str) -> dict[str, object]:
    providers = f"{addresses.group_id}/providers"
    return {
        "id": addresses.workspace_id,
        "name": WORKSPACE_NAME,
        "location": LOCATION,
        "type": f"{PROVIDER}/workspaces",
        "tags": {},
        "etag": None,
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": addresses.workspace_guid, "tenantId": TENANT_ID},
        "properties": {
            "workspaceId": addresses.workspace_guid,
            "friendlyName": WORKSPACE_NAME,
            "description": "local Azure ML",
            "creationTime": created,
            "keyVault": f"{providers}/Microsoft.KeyVault/vaults/local",
            "applicationInsights": f"{providers}/Microsoft.Insights/components/local",
            "storageAccount": f"{providers}/Microsoft.Storage/storageAccounts/local",
            "containerRegistry": f"{providers}/Microsoft.ContainerRegistry/registries/local",
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{addresses.plain}/discovery",
            "hbiWorkspace": False,
            "isPrivateLinkEnabled": False,
        },
    }
