"""Azure's long paths, cut to what the routes here are written for."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from azureml_local.azure_api.addresses import PROVIDER, RESOURCE_GROUP, SUBSCRIPTION_ID, WORKSPACE_NAME
from azureml_local.azure_api.errors import azure_error

_OF_A_WORKSPACE = re.compile(
    r"(?:/(?P<service>[a-z]+)(?:/v[0-9.]+|/workspaces)?)?/subscriptions/(?P<subscription>[^/]+)"
    rf"/resourceGroups/(?P<group>[^/]+)/providers/{re.escape(PROVIDER)}/workspaces/(?P<workspace>[^/]+)(?P<rest>/.*)?",
    re.IGNORECASE,
)
_OURS = (SUBSCRIPTION_ID, RESOURCE_GROUP, WORKSPACE_NAME)


class WorkspacePaths:
    """Turns `/history/v1.0/subscriptions/.../workspaces/local/experiments/e` into `/history/experiments/e`.

    Azure Resource Manager's own paths, which name no service, become `/arm/...`. The SDK does not write the fixed parts
    in one case, so they are compared without it; what follows stays as it is. Another workspace is not found.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on under its short path."""
        if scope["type"] == "http":
            path = re.sub("//+", "/", scope["path"])
            found = _OF_A_WORKSPACE.fullmatch(path)
            if found is not None:
                named = (found["subscription"], found["group"], found["workspace"])
                if tuple(map(str.lower, named)) != tuple(map(str.lower, _OURS)):
                    message = f"there is no workspace {named[2]!r} in group {named[1]!r} of subscription {named[0]!r}."
                    await azure_error(404, "ResourceNotFound", message)(scope, receive, send)
                    return
                path = f"/{(found['service'] or 'arm').lower()}{found['rest'] or ''}"
            scope = {**scope, "path": path, "full_path": scope["path"]}
        await self._app(scope, receive, send)
