"""Which cloud a name means, and where a token may go."""

from __future__ import annotations

import pytest

from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.workspace import open_azure_v1
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.settings import AzureSettings, WorkspaceSettings

pytestmark = pytest.mark.unit


def settings(cloud: str, **more: str) -> AzureSettings:
    return AzureSettings(subscription_id="s", resource_group="g", workspace_name="w", cloud=cloud, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cloud", "good"),
    [
        (
            "AzureCloud",
            [
                "https://management.azure.com/subscriptions",
                "https://westeurope.api.azureml.ms/discovery",
                "https://westeurope.experiments.azureml.net/history/v1.0",
                "https://westeurope.modelmanagement.azureml.net/api",
                "https://westeurope.aether.ms/api/v1.0",
            ],
        ),
        (
            "AzureUSGovernment",
            [
                "https://management.usgovcloudapi.net/x",
                "https://usgovvirginia.api.ml.azure.us/history",
                "https://usgovvirginia.modelmanagement.azureml.us/modelmanagement",
            ],
        ),
        (
            "AzureChinaCloud",
            [
                "https://management.chinacloudapi.cn/x",
                "https://chinaeast2.api.ml.azure.cn/history",
                "https://chinaeast2.modelmanagement.azureml.cn/modelmanagement",
            ],
        ),
    ],
)
def test_a_token_goes_into_its_own_cloud_alone(cloud: str, good: list[str]) -> None:
    mine = cloud_of(settings(cloud))
    for url in good:
        mine.require_host(url)
    others = {
        "https://management.azure.com",
        "https://management.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
    }
    for url in others - {mine.resource_manager}:
        with pytest.raises(InvalidRequest, match="check the cloud of the connection"):
            mine.require_host(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/management.azure.com",
        "https://management.azure.com.evil.example/",
        "https://xmanagement.azure.com/",
        "https://management.azure.com@evil.example/",
        "https://user@management.azure.com/",
        "https://evil.example\\@management.azure.com/",
        "http://management.azure.com/",
        "ftp://management.azure.com/",
        "//management.azure.com/",
        "https://[management.azure.com/",
        "https:///path",
        "",
    ],
)
def test_a_token_goes_nowhere_else(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no access token is sent there"):
        cloud_of(settings("AzureCloud")).require_host(url)


@pytest.mark.parametrize("name", ["azurecloud", "AzurePublic", "", "AzureGermanCloud"])
def test_a_misnamed_cloud_is_never_the_public_one(name: str) -> None:
    with pytest.raises(InvalidRequest, match="choose one of AzureCloud, AzureChinaCloud, AzureUSGovernment"):
        cloud_of(settings(name))


def test_a_described_cloud_whose_description_cannot_be_had() -> None:
    with pytest.raises(ServiceUnavailable, match="description of the cloud"):
        cloud_of(settings("AzureCloud", cloud_metadata_url="http://127.0.0.1:1/metadata"))


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("AzureCloud", "https://management.core.windows.net/"),
        ("AzureChinaCloud", "https://management.core.chinacloudapi.cn/"),
        ("AzureUSGovernment", "https://management.core.usgovcloudapi.net/"),
    ],
)
def test_the_scope_keeps_the_audience_whole(cloud: str, audience: str) -> None:
    """Azure's sign-in takes "/.default" off again, and Resource Manager compares what is left letter by letter."""
    assert cloud_of(settings(cloud)).scope.removesuffix("/.default") == audience


@pytest.mark.parametrize(
    ("cloud", "studio"),
    [
        ("AzureCloud", "https://ml.azure.com"),
        ("AzureChinaCloud", "https://studio.ml.azure.cn"),
        ("AzureUSGovernment", "https://ml.azure.us"),
    ],
)
def test_links_lead_to_the_studio_of_the_cloud_and_the_tenant(cloud: str, studio: str) -> None:
    workspace = open_azure_v1(
        WorkspaceSettings(
            backend="azure_v1", azure=settings(cloud, tenant_id="t", client_id="c", client_secret="hush-0123456789")
        ),
        lambda _: None,
    )
    scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    assert workspace._azure.portal_url("/runs/r") == f"{studio}/runs/r?wsid={scope}&tid=t"
