"""What the adapter asks of Azure for a deployment, by what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.models import ModelCalls
from azureml_workspace.azure_v1.services import ServiceCalls
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, ServiceUnavailable
from azureml_workspace.records import DeploySettings
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit

WANTED = DeploySettings(service_name="bank", model_name="bank", model_version=2)
MODEL = {"name": "bank", "version": 2, "runId": "AutoML_1", "createdTime": "2026-01-01T00:00:00.1234567+00:00"}


def entity(**changes: Any) -> dict[str, Any]:
    """A service as Azure describes it, which has what `WANTED` asks for."""
    return {
        "name": "bank",
        "state": "Healthy",
        "scoringUri": "http://bank.westeurope.azurecontainer.io/score",
        "models": [{"name": "bank", "version": 2}],
        "authEnabled": True,
        "appInsightsEnabled": False,
        "environmentImageRequest": {"environment": {"environmentVariables": {}}},
        "containerResourceRequirements": {"cpu": 1.0, "memoryInGB": 1.0},
        "createdTime": "2026-01-01T00:00:00Z",
        "kvTags": {"stage": "test"},
        **changes,
    }


class FakeAzure:
    """Answers for one service; keeps what was asked."""

    def __init__(self, service: dict[str, Any] | None) -> None:
        self.service = service
        self.sent: list[tuple[str, str, Any]] = []
        self.operations: list[tuple[str, Mapping[str, Any]]] = []
        self.secrets: list[str] = []
        self.on_secret = self.secrets.append
        self.sdk = self
        self.log: str | None = ""

    def call(self, operation: str, arguments: Mapping[str, Any], *, seconds: float) -> None:
        assert seconds > 0
        self.operations.append((operation, arguments))
        self.service = entity(state="Transitioning")

    def json(self, method: str, service: str, path: str, **request: Any) -> Any:
        assert service == "modelmanagement"
        if path.startswith("/models/"):
            if path != "/models/bank%3A2":
                raise NotFound("no such model")
            return MODEL
        if method != "GET":
            self.sent.append((method, path, request.get("body")))
        if self.service is None:
            raise NotFound("no such service")
        if path.endswith("/logs"):
            if self.log is None:
                raise ServiceUnavailable("no container")
            return {"content": self.log}
        if path.endswith("/listkeys"):
            return {"primaryKey": "p1", "secondaryKey": "s1"}
        if method == "PATCH":
            self.service = {**self.service, **{change["path"][1:]: change["value"] for change in request["body"]}}
        return self.service


class Calls(ServiceCalls, ModelCalls):
    def __init__(self, azure: FakeAzure) -> None:
        self._azure = cast("AzureConnection", azure)


def test_a_new_service_is_deployed() -> None:
    azure = FakeAzure(None)
    assert Calls(azure).deploy(replace(WANTED, response_format="object")).state is ServiceState.TRANSITIONING
    ((operation, arguments),) = azure.operations
    assert (operation, arguments["overwrite"]) == ("deploy_service", False)
    assert arguments["variables"] == {"AIRFLOW_AZUREML_RESPONSE_FORMAT": "object"}


@pytest.mark.parametrize("state", ["Healthy", "Transitioning"])
def test_the_same_deployment_again_asks_nothing_of_azure(state: str) -> None:
    azure = FakeAzure(entity(state=state))
    assert Calls(azure).deploy(WANTED).tags == {"stage": "test"}
    assert (azure.operations, azure.sent) == ([], [])


def test_tags_and_the_insights_switch_need_no_deployment() -> None:
    azure = FakeAzure(entity())
    changed = Calls(azure).deploy(replace(WANTED, tags={"stage": "live"}, app_insights_enabled=True))
    assert (changed.tags, changed.app_insights_enabled) == ({"stage": "live"}, True)
    assert azure.operations == []


def test_another_deployment_under_way_is_a_conflict() -> None:
    azure = FakeAzure(entity(state="Transitioning", models=[{"name": "bank", "version": 1}]))
    with pytest.raises(Conflict, match="bank:1"):
        Calls(azure).deploy(WANTED)
    assert azure.operations == []


@pytest.mark.parametrize(
    "change", [{"models": [{"name": "bank", "version": 1}]}, {"authEnabled": False}, {"state": "Unhealthy"}]
)
def test_a_service_that_runs_is_updated_in_place(change: dict[str, Any]) -> None:
    azure = FakeAzure(entity(**change))
    Calls(azure).deploy(WANTED)
    ((operation, arguments),) = azure.operations
    assert (operation, arguments["tags"], arguments["app_insights_enabled"]) == (
        "update_service",
        {"stage": "test"},
        None,
    )


@pytest.mark.parametrize(
    "change", [{"containerResourceRequirements": {"cpu": 2, "memoryInGB": 1}}, {"state": "Failed"}]
)
def test_what_azure_cannot_change_is_deployed_over(change: dict[str, Any]) -> None:
    azure = FakeAzure(entity(appInsightsEnabled=True, **change))
    Calls(azure).deploy(WANTED)
    ((operation, arguments),) = azure.operations
    assert (operation, arguments["overwrite"]) == ("deploy_service", True)
    assert (arguments["tags"], arguments["app_insights_enabled"]) == ({"stage": "test"}, True)


def test_nothing_is_asked_for_what_cannot_be() -> None:
    azure = FakeAzure(None)
    with pytest.raises(InvalidRequest):
        Calls(azure).deploy(replace(WANTED, service_name="My_Service"))
    with pytest.raises(InvalidRequest):
        Calls(azure).deploy(replace(WANTED, cpu_cores=0.0))
    with pytest.raises(NotFound):
        Calls(azure).deploy(replace(WANTED, model_version=9))
    assert azure.operations == []


def test_a_failed_service_says_why() -> None:
    error = {"code": "AciDeploymentFailed", "message": "Aci Deployment failed.", "details": [{"message": "It crashed"}]}
    azure = FakeAzure(entity(state="Failed", error=error))
    azure.log = "one\ntwo\nImportError: no model\n"
    assert Calls(azure).get_service("bank").error == (
        "Aci Deployment failed.; It crashed; the last lines of its log: one | two | ImportError: no model"
    )
    azure.log = None
    assert Calls(azure).get_service("bank").error == "Aci Deployment failed.; It crashed"


def test_a_new_key_is_known_at_once_and_to_no_log() -> None:
    azure = FakeAzure(entity())
    keys = Calls(azure).regenerate_key("bank", secondary=True)
    assert (keys.primary, len(keys.secondary)) == ("p1", 32)
    assert azure.sent[-1][2] == {"keyType": "Secondary", "keyValue": keys.secondary}
    assert set(azure.secrets) == {"p1", "s1", keys.secondary}


def test_a_service_of_another_kind_is_read_as_far_as_it_goes() -> None:
    azure = FakeAzure({"name": "other", "state": "Unschedulable", "createdTime": "2026-01-01T00:00:00Z"})
    service = Calls(azure).get_service("other")
    assert (service.state, service.model_name, service.scoring_uri) == (ServiceState.UNKNOWN, "", "")


def test_a_service_that_is_being_deleted_is_gone() -> None:
    azure = FakeAzure(entity(state="Deleting"))
    with pytest.raises(NotFound, match="being deleted"):
        Calls(azure).get_service("bank")
