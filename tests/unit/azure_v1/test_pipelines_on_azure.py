"""Published pipelines as the adapter writes and reads them, and where it sends a token."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.published import Entity, Origin, PublishedPipelines
from azureml_workspace.azure_v1.workspace import AzureWorkspace, open_azure_v1
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import AutoMLConfig, PipelineDefinition, PipelineSubmission
from azureml_workspace.settings import AzureSettings, WorkspaceSettings
from azureml_workspace.statuses import PipelineStatus

pytestmark = pytest.mark.unit

SETTINGS = AzureSettings(subscription_id="s", resource_group="My Group", workspace_name="w", sign_in="azure_cli")
WORKSPACE = "/subscriptions/s/resourceGroups/My%20Group/providers/Microsoft.MachineLearningServices/workspaces/w"
HOST = "https://westeurope.api.azureml.ms"
DEFINITION = PipelineDefinition(
    name="retrain",
    automl=AutoMLConfig(dataset_name="bank", label_column_name="y", allowed_models=("LightGBM",)),
    model_name="bank",
    experiment_name="retrain",
    model_tags={"team": "bank\nmarketing"},
    description="Trains again.\n\nairflow-azureml definition: {not this}",
)


class FakePipelines:
    """The pipelines service, as far as endpoints go, with one published pipeline `p1`."""

    def __init__(self) -> None:
        self.settings = SETTINGS
        self.cloud = cloud_of(SETTINGS)
        self.arm_id = WORKSPACE
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[str, str]] = []
        self.taken_meanwhile = False

    def url(self, service: str, path: str) -> str:
        return f"{HOST}/{service}/v1.0{WORKSPACE}{path}"

    def json(self, method: str, service: str, path: str, *, query: Any = None, body: Any = None) -> Any:
        self.sent.append((method, path))
        if path == "/PipelineEndpoints/Create":
            taken = self.taken_meanwhile
            self._make(body["Name"], "other" if taken else body["PipelineId"])
            if taken:
                raise Conflict("there is one already")
            return self.endpoints[body["Name"]]
        if path == "/PipelineEndpoints/Name":
            return self._found(query["Name"])
        if path.startswith("/PipelineEndpoints"):
            found = self._found(path.rsplit("/", 1)[1])
            if method == "PUT":
                found.update(body)
            return found
        raise NotFound(path)

    def _make(self, name: str, pipeline_id: str) -> None:
        versions = [{"Version": "0", "PipelineId": pipeline_id}]
        self.endpoints[name] = {
            "Id": name, "Name": name, "Url": f"{HOST}/{name}", "DefaultVersion": "0", "PipelineVersionList": versions,
            "Description": "somebody's words", "EntityStatus": "0",
        }  # fmt: skip

    def _found(self, name: str) -> dict[str, Any]:
        if name not in self.endpoints:
            raise NotFound(name)
        return self.endpoints[name]


def published(azure: FakePipelines) -> PublishedPipelines:
    return PublishedPipelines(cast(AzureConnection, azure))


# The definition in the description


def test_a_definition_is_read_back_from_the_description() -> None:
    origin = Origin(definition=DEFINITION, dataset_version=7, variant_of="p0")
    described = origin.described()
    assert described.startswith("Trains again.")
    assert Origin.read(described) == origin
    assert Origin.read(described).fingerprint == origin.fingerprint  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "description",
    [
        "",
        "Trains again.",
        "airflow-azureml definition: ",
        "airflow-azureml definition: {}",
        "airflow-azureml definition: []",
        'airflow-azureml definition: {"definition": {"name": 1}, "dataset_version": 1, "variant_of": null}',
        Origin(definition=DEFINITION, dataset_version=7).described() + " (changed by hand)",
    ],
)
def test_other_descriptions_hold_none(description: str) -> None:
    assert Origin.read(description) is None


def test_fingerprints_tell_data_and_variants_apart() -> None:
    seen = {
        Origin(definition=DEFINITION, dataset_version=1).fingerprint,
        Origin(definition=DEFINITION, dataset_version=2).fingerprint,
        Origin(definition=DEFINITION, dataset_version=1, variant_of="a").fingerprint,
        Origin(definition=DEFINITION, dataset_version=1, variant_of="b").fingerprint,
    }
    assert len(seen) == 4


# Endpoints


def test_an_endpoint_is_made_then_given_versions_and_keeps_what_others_said() -> None:
    azure = FakePipelines()
    assert published(azure).make_default("retrain", "p1").default_pipeline == "p1"
    assert published(azure).make_default("retrain", "p2").pipelines == {"0": "p1", "1": "p2"}
    assert published(azure).make_default("retrain", "p1").default == "0"
    assert azure.endpoints["retrain"]["Description"] == "somebody's words"
    assert len(azure.endpoints["retrain"]["PipelineVersionList"]) == 2


def test_an_endpoint_that_somebody_makes_at_the_same_time_is_used() -> None:
    azure = FakePipelines()
    azure.taken_meanwhile = True
    assert published(azure).make_default("retrain", "p1").pipelines == {"0": "other", "1": "p1"}


# Addresses


@pytest.mark.parametrize(
    "endpoint",
    [
        f"{HOST}/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1",
        f"{HOST}/pipelines/v1.0{WORKSPACE.lower()}/PipelineRuns/PipelineSubmit/p1",
        # Quoted more than we do, and not at all.
        f"{HOST}/pipelines/v1.0{WORKSPACE.replace('s/s/', 's/%73/')}/PipelineRuns/PipelineSubmit/p1",
        f"{HOST}/pipelines/v1.0{WORKSPACE.replace('%20', ' ')}/PipelineRuns/PipelineSubmit/p1",
        f"https://westeurope.aether.azureml.ms/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1",
    ],
)
def test_addresses_of_the_workspace_are_asked(endpoint: str) -> None:
    azure = FakePipelines()
    with pytest.raises(NotFound, match="/Pipelines/p1"):
        AzureWorkspace(cast(AzureConnection, azure)).submit_pipeline(endpoint, PipelineSubmission(), submission_key="k")


def test_the_characters_of_a_resource_group() -> None:
    group = replace(SETTINGS, resource_group="rg(1)-ü")
    azure = open_azure_v1(WorkspaceSettings(backend="azure_v1", azure=group), lambda _: None)._azure
    assert azure.arm_id.split("/")[4] == "rg(1)-%C3%BC"


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "PipelineRuns/PipelineSubmit/p1",
        f"http://westeurope.api.azureml.ms/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1",
        f"https://westeurope.api.azureml.ms:8443/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1",
        f"https://user@westeurope.api.azureml.ms.example/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1",
        f"https://evil-azureml.ms/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1",
        f"{HOST}/pipelines/v1.0{WORKSPACE}x/PipelineRuns/PipelineSubmit/p1",
        f"{HOST}/pipelines/v1.0{WORKSPACE.replace('%20', '%2520')}/PipelineRuns/PipelineSubmit/p1",
        f"{HOST}/pipelines/v1.0{WORKSPACE.replace('/workspaces/', '%2Fworkspaces/')}/PipelineRuns/PipelineSubmit/p1",
        f"{HOST}/pipelines/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/p1/../../x",
        f"{HOST}/pipelines/v1.0{WORKSPACE}/Pipelines/p1",
        "http://[::1",
    ],
)
def test_no_token_is_sent_to_any_other_address(endpoint: str) -> None:
    azure = FakePipelines()
    with pytest.raises(InvalidRequest, match="no access token is sent"):
        AzureWorkspace(cast(AzureConnection, azure)).submit_pipeline(endpoint, PipelineSubmission(), submission_key="k")
    assert azure.sent == []


def test_the_link_is_the_one_of_the_sdk() -> None:
    """`HasPipelinePortal` of the SDK: /pipelines/{id}."""
    entity = Entity(
        pipeline_id="p1",
        name="retrain",
        version="1",
        status=PipelineStatus.ACTIVE,
        url="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        made_from=Origin(definition=DEFINITION, dataset_version=1),
    )
    workspace = open_azure_v1(WorkspaceSettings(backend="azure_v1", azure=SETTINGS), lambda _: None)
    link = workspace._pipeline_record(entity, None).portal_url
    assert link.startswith("https://ml.azure.com/pipelines/p1?wsid=/subscriptions/s/")
