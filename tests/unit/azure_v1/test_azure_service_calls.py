"""What the adapter asks of Azure for a deployment, by what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.models import ModelCalls
from azureml_workspace.azure_v1.sdk.services import _operation_of
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
        "environmentImageRequest": {
            "environment": {"environmentVariables": {"AIRFLOW_AZUREML_COLLECT_INPUTS": "true"}}
        },
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
        self.sdk = SimpleNamespace(call=self.begin)
        self.rest = SimpleNamespace(call=self.call)
        self.log: str | None = ""
        self.after_deployment: dict[str, Any] | None = entity(state="Transitioning")
        self.refusal: Exception | None = None
        self.states: dict[str, list[str]] = {}
        self.polled: list[str] = []

    def begin(self, operation: str, arguments: Mapping[str, Any], *, seconds: float) -> str:
        assert seconds > 0
        self.operations.append((operation, arguments))
        self.service = self.after_deployment
        if self.refusal is not None:
            raise self.refusal
        return "deployment"

    def url(self, service: str, path: str) -> str:
        assert service == "modelmanagement"
        return path

    def call(self, method: str, url: str, **request: Any) -> Any:
        """An answer whose body is no JSON."""
        self.answer(method, url, **request)
        return SimpleNamespace(headers={"Operation-Location": "https://azure/operations/change"}, content=b"Accepted")

    def json(self, method: str, service: str, path: str, **request: Any) -> Any:
        assert service == "modelmanagement"
        if path.startswith("/operations/"):
            return self.operation(path.removeprefix("/operations/"))
        if method in {"PATCH", "DELETE"} or path.endswith("/regenerateKeys"):
            raise ServiceUnavailable("the answer is no JSON")
        return self.answer(method, path, **request)

    def answer(self, method: str, path: str, **request: Any) -> Any:
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

    def operation(self, operation_id: str) -> dict[str, Any]:
        self.polled.append(operation_id)
        if operation_id not in self.states:
            raise NotFound("no such operation")
        states = self.states[operation_id]
        return {"state": states.pop(0) if len(states) > 1 else states[0], "error": {"message": "It was refused."}}


class Calls(ServiceCalls, ModelCalls):
    def __init__(self, azure: FakeAzure) -> None:
        self._azure = cast("AzureConnection", azure)


def test_a_new_service_is_deployed() -> None:
    azure = FakeAzure(None)
    assert Calls(azure).deploy(replace(WANTED, response_format="object")).state is ServiceState.TRANSITIONING
    ((operation, arguments),) = azure.operations
    assert (operation, arguments["overwrite"]) == ("deploy_service", False)
    assert arguments["variables"] == {
        "AIRFLOW_AZUREML_RESPONSE_FORMAT": "object",
        "AIRFLOW_AZUREML_COLLECT_INPUTS": "true",
        "SERVICE_NAME": "bank",
    }


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


@pytest.mark.parametrize("state", ["Healthy", "Failed", "Unhealthy"])
def test_a_service_is_in_transition_until_its_deployment_has_ended(state: str) -> None:
    """Azure may go on to show what was before, and a container is Unhealthy for a moment while it starts."""
    azure = FakeAzure(None)
    calls = Calls(azure)
    azure.after_deployment = entity(state=state, error={"message": "of the deployment before"})
    azure.states["deployment"] = ["Running", "NotStarted", "Succeeded"]
    begun = calls.deploy(WANTED)
    assert (begun.state, begun.error) == (ServiceState.TRANSITIONING, "")
    assert calls.get_service("bank").state is ServiceState.TRANSITIONING
    azure.service = entity()
    assert calls.get_service("bank").state is ServiceState.HEALTHY
    calls.get_service("bank")
    assert azure.polled == ["deployment"] * 3


def test_another_process_knows_the_operation_from_the_service() -> None:
    azure = FakeAzure(entity(operationId="latest"))
    azure.states["latest"] = ["Running", "Succeeded"]
    assert Calls(azure).get_service("bank").state is ServiceState.TRANSITIONING
    assert Calls(azure).get_service("bank").state is ServiceState.HEALTHY


def test_a_service_in_transition_is_one_request() -> None:
    azure = FakeAzure(entity(state="Transitioning", operationId="latest"))
    assert Calls(azure).get_service("bank").state is ServiceState.TRANSITIONING
    assert azure.polled == []


def test_the_insights_switch_is_in_transition_until_it_is_done() -> None:
    azure = FakeAzure(entity(operationId="before"))
    azure.states |= {"before": ["Succeeded"], "change": ["Running", "Succeeded"]}
    calls = Calls(azure)
    assert calls.set_app_insights("bank", enabled=True).state is ServiceState.TRANSITIONING
    assert calls.get_service("bank").state is ServiceState.HEALTHY


def test_a_change_that_failed_does_not_look_done() -> None:
    azure = FakeAzure(entity(operationId="latest"))
    azure.states["latest"] = ["Failed"]
    seen = Calls(azure).get_service("bank")
    assert (seen.state, seen.error) == (ServiceState.UNHEALTHY, "It was refused.")


def test_an_operation_that_azure_does_not_know_any_more_is_over() -> None:
    assert Calls(FakeAzure(entity(operationId="old"))).get_service("bank").state is ServiceState.HEALTHY


def test_the_operation_of_a_deleted_service_is_none_of_the_next_ones() -> None:
    azure = FakeAzure(None)
    azure.states["deployment"] = ["Running"]
    calls = Calls(azure)
    calls.deploy(WANTED)
    calls.delete_service("bank")
    azure.service = entity()
    assert calls.get_service("bank").state is ServiceState.HEALTHY


def test_a_change_that_azure_does_not_show_yet_may_be_this_very_deployment() -> None:
    """Of a try whose process was lost: the next one is to ask again, not to fail, and not to begin another."""
    azure = FakeAzure(entity(models=[{"name": "bank", "version": 1}], operationId="latest"))
    azure.states["latest"] = ["Running", "Succeeded"]
    with pytest.raises(ServiceUnavailable, match="a change of service 'bank' is under way"):
        Calls(azure).deploy(WANTED)
    azure.service = entity(operationId="latest")
    assert Calls(azure).deploy(WANTED).state is ServiceState.HEALTHY
    assert azure.operations == []


@pytest.mark.parametrize("state", ["Healthy", "Transitioning"])
def test_a_conflict_with_the_request_before_whose_answer_was_lost_is_none(state: str) -> None:
    azure = FakeAzure(None)
    azure.refusal, azure.after_deployment = Conflict("there is one"), entity(state=state)
    assert Calls(azure).deploy(WANTED).state is ServiceState(state)


@pytest.mark.parametrize("there", [None, entity(state="Failed"), entity(models=[{"name": "bank", "version": 1}])])
def test_a_conflict_with_anything_else_is_one(there: dict[str, Any] | None) -> None:
    azure = FakeAzure(None)
    azure.refusal, azure.after_deployment = Conflict("there is one"), there
    with pytest.raises(Conflict):
        Calls(azure).deploy(WANTED)


def test_what_azure_says_of_a_change_that_it_made_is_no_trouble() -> None:
    azure = FakeAzure(entity())
    calls = Calls(azure)
    assert calls.set_app_insights("bank", enabled=True).app_insights_enabled is True
    calls.regenerate_key("bank")
    calls.delete_service("bank")
    assert [method for method, _, _ in azure.sent if method != "GET"] == ["PATCH", "POST", "POST", "DELETE"]


@pytest.mark.parametrize(("endpoint", "operation"), [("https://azure/operations/abc", "abc"), (None, None)])
def test_the_sdk_tells_what_it_would_wait_for(endpoint: str | None, operation: str | None) -> None:
    service: Any = SimpleNamespace(_operation_endpoint=endpoint)
    assert _operation_of(service) == operation


def test_rows_of_clients_are_no_part_of_the_log() -> None:
    """A deployment that fails shows the log's last lines in Airflow."""
    azure = FakeAzure(entity())
    azure.log = 'loading\nairflow-azureml-input bank {"age": 41}\n2026 | airflow-azureml-input bank {"age": 7}\nready\n'
    assert Calls(azure).service_logs("bank") == "loading\nready"
