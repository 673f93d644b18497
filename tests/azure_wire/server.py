"""The local Azure ML's surface for the SDK, in the test's own process, so that a test can script its faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from starlette.middleware import Middleware
from tests.azure_wire.faults import Faults, Script

from azureml_local.azure_api.addresses import (
    CLOUD_NAME,
    RESOURCE_GROUP,
    SUBSCRIPTION_ID,
    TENANT_ID,
    WORKSPACE_NAME,
    Addresses,
)
from azureml_local.azure_api.environment import read_environment
from azureml_local.azure_api.ports import SdkPorts
from azureml_local.azure_api.serving import AzureApi
from azureml_local.paths import Home
from azureml_local.server.workspace import LocalWorkspace, WorkspaceConfig
from azureml_local.services.ports import PortRange
from azureml_workspace.azure_v1.workspace import AzureWorkspace, open_azure_v1
from azureml_workspace.settings import AzureSettings, WorkspaceSettings

TOKEN = "wire-token-0123456789"


@dataclass
class WireServer:
    """The surface on free ports, real behind it: the engine in `folder`. `script` says what goes wrong."""

    folder: Path
    script: Script = field(default_factory=Script)
    secrets: list[str] = field(default_factory=list)

    def __enter__(self) -> WireServer:
        self.home = Home(self.folder / "home")
        self.home.create()
        ports = PortRange.parse("0")
        self.engine = LocalWorkspace(
            WorkspaceConfig(home=self.home, base_url="http://127.0.0.1:9", service_ports=ports)
        )
        self.engine.start()
        faults = Middleware(Faults, script=self.script)
        self._api = AzureApi(self.home, SdkPorts(plain=0, secure=0), outermost=[faults])
        self.addresses: Addresses = self._api.start(self.engine, TOKEN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.stop()
        self.engine.close()

    def azure_settings(self, **changes: Any) -> AzureSettings:
        """A service principal of the local cloud."""
        variables = read_environment(self.home.azure_api)
        assert variables is not None
        settings = AzureSettings(
            subscription_id=SUBSCRIPTION_ID,
            resource_group=RESOURCE_GROUP,
            workspace_name=WORKSPACE_NAME,
            tenant_id=TENANT_ID,
            client_id="tests",
            client_secret=TOKEN,
            cloud=CLOUD_NAME,
            cloud_metadata_url=variables["ARM_CLOUD_METADATA_URL"],
            ca_file=str(self.home.azure_api / "ca.pem"),
            state_dir=str(self.folder / "sdk"),
        )
        return replace(settings, **changes)

    def workspace(self, *, read: float = 20.0, retry: float = 3.0, **changes: Any) -> AzureWorkspace:
        """The adapter on this server; `read` and `retry` in seconds."""
        settings = WorkspaceSettings(
            backend="azure_v1",
            connect_timeout=3.0,
            read_timeout=read,
            retry_seconds=retry,
            azure=self.azure_settings(**changes),
        )
        return open_azure_v1(settings, self.secrets.append)
