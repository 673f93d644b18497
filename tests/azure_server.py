"""A real local Azure ML that answers the Azure ML SDK v1 as Azure does, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tests.local_server import LocalServer

from azureml_local.azure_api.addresses import CLOUD_NAME, RESOURCE_GROUP, SUBSCRIPTION_ID, TENANT_ID, WORKSPACE_NAME
from azureml_local.azure_api.environment import read_environment
from azureml_local.paths import Home
from azureml_workspace.connect import open_workspace
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import AzureSettings, WorkspaceSettings


@dataclass
class AzureServer(LocalServer):
    """`serve --azureml-sdk`. `state_dir`: where the adapter lets the SDK keep its caches."""

    options: Sequence[str] = ("--port", "0", "--service-ports", "0", "--azureml-sdk", "--sdk-ports", "0")
    state_dir: Path = field(default_factory=Path)

    @property
    def environment_of_sdk(self) -> dict[str, str]:
        """The variables with which the SDK comes here and not to Azure."""
        variables = read_environment(Home(self.home).azure_api)
        assert variables is not None, "the server does not answer the SDK"
        return variables

    def azure_settings(self) -> AzureSettings:
        """A service principal of the local cloud."""
        variables = self.environment_of_sdk
        return AzureSettings(
            subscription_id=SUBSCRIPTION_ID,
            resource_group=RESOURCE_GROUP,
            workspace_name=WORKSPACE_NAME,
            tenant_id=TENANT_ID,
            client_id="tests",
            client_secret=self.token,
            cloud=CLOUD_NAME,
            cloud_metadata_url=variables["ARM_CLOUD_METADATA_URL"],
            ca_file=str(Home(self.home).azure_api / "ca.pem"),
            state_dir=str(self.state_dir),
        )

    def connection(self) -> dict[str, object]:
        """The fields of an Airflow connection for `azure_settings`, as a person would fill them in."""
        fields = asdict(self.azure_settings())
        login, password = fields.pop("client_id"), fields.pop("client_secret")
        extra = {"backend": "azure_v1"} | {name: value for name, value in fields.items() if value is not None}
        return {"login": login, "password": password, "extra": extra}

    def azure_workspace(self, **changes: str) -> Workspace:
        """The adapter for Azure, on this server."""
        settings = replace(self.azure_settings(), **changes)  # type: ignore[arg-type]
        return open_workspace(WorkspaceSettings(backend="azure_v1", azure=settings, retry_seconds=2))
