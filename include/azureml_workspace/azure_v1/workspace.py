"""`Workspace` answered by Azure ML, on SDK v1."""

from __future__ import annotations

from collections.abc import Callable

from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.credentials import STORAGE_SCOPE, AccessToken
from azureml_workspace.azure_v1.documents import DocumentCalls
from azureml_workspace.azure_v1.permissions import require_role
from azureml_workspace.azure_v1.pipeline_runs import PipelineRunCalls
from azureml_workspace.azure_v1.rest import AzureRest, Limits
from azureml_workspace.azure_v1.sdk_process import SdkProcess
from azureml_workspace.azure_v1.services import ServiceCalls
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.settings import WorkspaceSettings


def open_azure_v1(settings: WorkspaceSettings, on_secret: Callable[[str], None]) -> AzureWorkspace:
    """The adapter's entry in `azureml_workspace.connect.ADAPTERS`."""
    azure = settings.azure
    if azure is None:
        raise InvalidRequest("backend azure_v1 needs subscription_id, resource_group and workspace_name.")
    cloud = cloud_of(azure)
    token = AccessToken(azure, cloud, on_secret)
    limits = Limits(connect=settings.connect_timeout, read=settings.read_timeout, retry=settings.retry_seconds)
    rest = AzureRest(cloud, token, limits, ca_file=azure.ca_file)
    storage_token = AccessToken(azure, cloud, on_secret, scope=STORAGE_SCOPE)
    sdk = SdkProcess(azure, cloud, token.get)
    return AzureWorkspace(AzureConnection(azure, cloud, rest, sdk, storage_token, on_secret))


class AzureWorkspace(PipelineRunCalls, ServiceCalls, DocumentCalls):
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    def __init__(self, azure: AzureConnection) -> None:
        self._azure = azure

    def __repr__(self) -> str:
        return f"AzureWorkspace({self._azure.settings.workspace_name!r})"

    def reopened(self, *, connect_timeout: float, read_timeout: float, retry_seconds: float) -> AzureWorkspace:
        """With the token and the addresses that this one has."""
        limits = Limits(connect=connect_timeout, read=read_timeout, retry=retry_seconds)
        return AzureWorkspace(self._azure.reopened(limits))

    def ping(self) -> str:
        """Read the workspace's entity, which needs a good sign-in, and whether the identity may work with it."""
        found = self._azure.description
        require_role(self._azure)
        names = self._azure.settings
        return (
            f"Azure ML workspace {names.workspace_name} ({found.get('location')}) in resource group "
            f"{names.resource_group}, {self._azure.cloud.name}"
        )
