"""One workspace on Azure: where its services are, and the two ways to talk to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any
from urllib.parse import quote

from azureml_workspace.azure_v1.blobs import Blobs
from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.azure_v1.datastore import Datastore, datastore_of
from azureml_workspace.azure_v1.rest import AzureRest, Limits
from azureml_workspace.azure_v1.sdk_process import SdkProcess
from azureml_workspace.errors import NotFound, ServiceUnavailable
from azureml_workspace.settings import AzureSettings

_API_VERSION = "2022-05-01"
_DISCOVERED_AS = {
    "artifact": "history",
    "environment": "experimentation",
    "jasmine": "history",
    "metric": "history",
    "mlflow": "api",
    "pipelines": "api",
}
"""Whose address a service has, where the SDK (`_ServiceKeys`) does not take the one of its own name."""


_FOUND_OUT = ("description", "_services", "datastore")
"""What `AzureConnection` asks once."""


class AzureConnection:
    """What the calls of the adapter share. Nothing is sent before the first call."""

    def __init__(
        self,
        settings: AzureSettings,
        cloud: Cloud,
        rest: AzureRest,
        sdk: SdkProcess,
        storage_token: AccessToken,
        on_secret: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.cloud = cloud
        self.rest = rest
        self.sdk = sdk
        self._storage_token = storage_token
        self.on_secret = on_secret

    def reopened(self, limits: Limits) -> AzureConnection:
        """Another one, that knows what this one has found out."""
        other = AzureConnection(
            self.settings,
            self.cloud,
            self.rest.with_limits(limits),
            self.sdk.another(),
            self._storage_token,
            self.on_secret,
        )
        # Where `cached_property` keeps it.
        vars(other).update({name: value for name, value in vars(self).items() if name in _FOUND_OUT})
        return other

    @property
    def arm_id(self) -> str:
        """The workspace as Resource Manager writes it."""
        names = self.settings
        parts = (names.subscription_id, names.resource_group, names.workspace_name)
        subscription, group, workspace = (quote(part, safe="()") for part in parts)
        return (
            f"/subscriptions/{subscription}/resourceGroups/{group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
        )

    @cached_property
    def description(self) -> dict[str, Any]:
        """The workspace's entity.

        :raises NotFound: no such workspace, group or subscription, or none that this identity may see.
        """
        url = f"{self.cloud.resource_manager}{self.arm_id}"
        try:
            found: dict[str, Any] = self.rest.json("GET", url, query={"api-version": _API_VERSION})
        except NotFound as error:
            names = self.settings
            raise NotFound(
                f"there is no workspace {names.workspace_name!r} in resource group {names.resource_group!r} of "
                f"subscription {names.subscription_id!r} in {self.cloud.name}, or this identity may not see it: {error}"
            ) from error
        return found

    @cached_property
    def _services(self) -> dict[str, str]:
        url = str(self.description["properties"]["discoveryUrl"])
        found = self.rest.json("GET", url)
        if not isinstance(found, dict):
            raise ServiceUnavailable(f"the workspace's discovery at {url} lists no services.")
        return {str(name): str(base).rstrip("/") for name, base in found.items()}

    @cached_property
    def datastore(self) -> Datastore:
        """The default one. :raises InvalidRequest: it cannot be used, see `datastore_of`."""
        found = datastore_of(self.json("GET", "datastore", "/default"), self.cloud)
        for secret in (found.key, found.sas):
            if secret:
                self.on_secret(secret)
        return found

    @cached_property
    def blobs(self) -> Blobs:
        """What is in the default datastore."""
        return Blobs(
            lambda: self.datastore,
            lambda: vars(self).pop("datastore", None),
            self._storage_token,
            self.rest.limits,
            ca_file=self.settings.ca_file,
        )

    def url(self, service: str, path: str, *, prefix: str | None = None) -> str:
        """The address of `path` in one of the workspace's services.

        `service` is the name in the discovery (`history`, `pipelines`, `modelmanagement`, `jasmine`, `api`, ...);
        `prefix` what stands before the workspace in the path (default `/<service>/v1.0`).
        """
        base = self._services.get(_DISCOVERED_AS.get(service, service)) or self._services.get("api")
        if base is None:
            raise ServiceUnavailable(f"the workspace's discovery names no service {service!r}.")
        return f"{base}{prefix or f'/{service}/v1.0'}{self.arm_id}{path}"

    def json(self, method: str, service: str, path: str, *, prefix: str | None = None, **request: Any) -> Any:
        """One request to a service of the workspace; its decoded body, None when it is empty."""
        return self.rest.json(method, self.url(service, path, prefix=prefix), **request)

    def call(self, method: str, service: str, path: str, **request: Any) -> None:
        """One request to a service of the workspace, whose answer's body says nothing."""
        self.rest.call(method, self.url(service, path), **request)

    def portal_url(self, path: str) -> str:
        """A page of Azure ML Studio for this workspace."""
        tenant = f"&tid={self.settings.tenant_id}" if self.settings.tenant_id else ""
        return f"{self.cloud.portal}{path}?wsid={self.arm_id}{tenant}"
