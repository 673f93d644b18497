"""Where the surface is, and how the workspace is called there."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

CLOUD_NAME = "LocalAzureML"
"""What the SDK calls this cloud (`AZUREML_CURRENT_CLOUD`)."""
SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "local"
WORKSPACE_NAME = "local"
TENANT_ID = "00000000-0000-0000-0000-0000000000aa"
LOCATION = "local"
PROVIDER = "Microsoft.MachineLearningServices"
MANAGED_IDENTITY_PATH = "/signin/managed-identity/token"


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Both base URLs of the surface, without a slash at the end.

    `secure` (https) is for what the SDK sends no token to without TLS: Azure Resource Manager and the sign-in. `plain`
    (http) is for everything else. Both have all routes.
    """

    plain: str
    secure: str

    @property
    def group_id(self) -> str:
        """The resource group as Azure Resource Manager writes it."""
        return f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{RESOURCE_GROUP}"

    @property
    def workspace_id(self) -> str:
        """The workspace as Azure Resource Manager writes it."""
        return f"{self.group_id}/providers/{PROVIDER}/workspaces/{WORKSPACE_NAME}"

    @property
    def workspace_guid(self) -> str:
        """The workspace's own id, which the SDK's caches are keyed by: another at every other https address."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.secure))

    def service(self, name: str, version: str = "v1.0") -> str:
        """The base URL of one Azure service for this workspace, such as `pipelines`."""
        return f"{self.plain}/{name}/{version}{self.workspace_id}"
