"""Azure's clouds: where their Resource Manager and their sign-in are, and which hosts a token may be sent to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.settings import AzureSettings

_METADATA_TIMEOUT_SECONDS = (5.0, 20.0)
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One cloud. `hosts` are the domains that its Azure ML services are in, and `storage` is that of its storage
    accounts; a token goes nowhere else."""

    name: str
    resource_manager: str
    login: str
    audience: str
    portal: str
    hosts: tuple[str, ...]
    storage: str

    @property
    def scope(self) -> str:
        """What a token for Resource Manager and Azure ML is asked for.

        An audience that ends in a slash keeps it, so two slashes are right: what is cut off this scope again has to be
        the audience.
        """
        return f"{self.audience}/.default"

    def require_host(self, url: str) -> None:
        """:raises InvalidRequest: `url` does not lead into this cloud, over TLS, so no token may be sent there."""
        self._require(url, self.hosts)

    def require_storage_host(self, url: str) -> None:
        """:raises InvalidRequest: `url` is not that of a storage account of this cloud."""
        self._require(url, (self.storage, *self.hosts))

    def _require(self, url: str, domains: tuple[str, ...]) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        # What stands before an @, or behind a backslash, not every program takes for the same.
        host = "" if "@" in parts.netloc or "\\" in url else parts.hostname or ""
        if not any(host == domain or host.endswith(f".{domain}") for domain in domains):
            raise InvalidRequest(
                f"{host or 'an address without a host'} is not a host of {self.name} (its domains are "
                f"{', '.join(domains)}), so no access token is sent there; check the cloud of the connection."
            )
        if parts.scheme != "https" and not (parts.scheme == "http" and host in _THIS_MACHINE):
            raise InvalidRequest(f"{parts.scheme}://{host} is not https, so no access token is sent there.")


# The endpoints that https://management.azure.com/metadata/endpoints and its siblings list (and that the SDK has in
# `azureml._vendor.azure_cli_core.cloud`), and the domains of
# https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall.
_KNOWN = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="AzureCloud",
            resource_manager="https://management.azure.com",
            login="https://login.microsoftonline.com",
            audience="https://management.core.windows.net/",
            portal="https://ml.azure.com",
            hosts=("management.azure.com", "azureml.ms", "azureml.net", "aether.ms"),
            storage="core.windows.net",
        ),
        Cloud(
            name="AzureChinaCloud",
            resource_manager="https://management.chinacloudapi.cn",
            login="https://login.chinacloudapi.cn",
            audience="https://management.core.chinacloudapi.cn/",
            portal="https://studio.ml.azure.cn",
            hosts=("management.chinacloudapi.cn", "ml.azure.cn", "azureml.cn"),
            storage="core.chinacloudapi.cn",
        ),
        Cloud(
            name="AzureUSGovernment",
            resource_manager="https://management.usgovcloudapi.net",
            login="https://login.microsoftonline.us",
            audience="https://management.core.usgovcloudapi.net/",
            portal="https://ml.azure.us",
            hosts=("management.usgovcloudapi.net", "ml.azure.us", "azureml.us"),
            storage="core.usgovcloudapi.net",
        ),
    )
}


def cloud_of(settings: AzureSettings) -> Cloud:
    """The cloud that `settings` name. An unknown name is an error and never the public cloud.

    :raises InvalidRequest: no such cloud. :raises ServiceUnavailable: its description cannot be had.
    """
    if settings.cloud_metadata_url is None:
        if settings.cloud not in _KNOWN:
            raise InvalidRequest(
                f"cloud is {settings.cloud!r}; choose one of {', '.join(_KNOWN)}, or give cloud_metadata_url, which "
                "describes it."
            )
        return _KNOWN[settings.cloud]
    described = _read_metadata(settings.cloud_metadata_url, settings.ca_file)
    found = next((entry for entry in described if entry.get("name") == settings.cloud), None)
    if found is None:
        names = ", ".join(str(entry.get("name")) for entry in described) or "none"
        raise InvalidRequest(f"cloud is {settings.cloud!r}; {settings.cloud_metadata_url} describes {names}.")
    return _described(found)


def _read_metadata(url: str, ca_file: str | None) -> list[dict[str, Any]]:
    try:
        response = requests.get(url, timeout=_METADATA_TIMEOUT_SECONDS, allow_redirects=False, verify=ca_file)
        response.raise_for_status()
        described = response.json()
    except requests.RequestException as error:
        raise ServiceUnavailable(
            f"the description of the cloud at {url} cannot be read ({type(error).__name__})."
        ) from error
    return described if isinstance(described, list) else [described]


def _described(entry: dict[str, Any]) -> Cloud:
    try:
        manager = str(entry["resourceManager"]).rstrip("/")
        login = entry["authentication"]
        return Cloud(
            name=str(entry["name"]),
            resource_manager=manager,
            login=str(login["loginEndpoint"]).rstrip("/"),
            audience=str(login["audiences"][0]),
            portal=str(entry["portal"]),
            hosts=(urlsplit(manager).hostname or "",),
            storage=str((entry.get("suffixes") or {}).get("storage") or urlsplit(manager).hostname),
        )
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidRequest(f"the description of cloud {entry.get('name')!r} has no {error}.") from error
