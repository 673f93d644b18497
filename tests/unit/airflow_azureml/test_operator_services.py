"""Deploy and enable-insights."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext, TaskStateStore, unavailable

from airflow_azureml._awaited import STORE_KEY
from airflow_azureml._waiting import TaskStopped, WaitTimeout
from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from airflow_azureml.operators.enable_insights import AzureMLEnableInsightsOperator
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.statuses import ServiceState

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("clock")]

AUTOML = {"run_id": "run-1", "model": {"name": "m", "version": 4}, "dataset": {"name": "bank", "version": 2}}


def deploy(**given: Any) -> AzureMLDeployModelOperator:
    return AzureMLDeployModelOperator(task_id="deploy", **({"model": AUTOML, "service_name": "svc-a"} | given))


def insights(**given: Any) -> AzureMLEnableInsightsOperator:
    return AzureMLEnableInsightsOperator(task_id="enable_insights", **({"service": {"name": "svc-a"}} | given))


def test_deploy_result(workspace: FakeWorkspace, context: TaskContext) -> None:
    result = deploy().execute(context)  # type: ignore[arg-type]
    assert result == {
        "name": "svc-a",
        "scoring_uri": "http://127.0.0.1:9/score",
        "swagger_uri": "http://127.0.0.1:9/swagger.json",
        "state": "Healthy",
        "model_name": "m",
        "model_version": 4,
        "auth_enabled": True,
        "app_insights_enabled": False,
    }
    assert json.loads(json.dumps(result)) == result
    assert context.xcom == {"azureml_service_url": "/azureml/services?name=svc-a"}


def test_deploy_settings(workspace: FakeWorkspace, context: TaskContext) -> None:
    deploy(
        model="m", model_version="None", cpu_cores="0.5", memory_gb="2", auth_enabled="false", response_format="object"
    ).execute(context)  # type: ignore[arg-type]
    settings = next(what for call, what in workspace.calls if call == "deploy")
    assert (settings.model_version, settings.cpu_cores, settings.memory_gb) == (9, 0.5, 2.0)
    assert settings.auth_enabled is False
    assert settings.response_format == "object"
    assert settings.app_insights_enabled is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"service_name": "My_Service"}, "service name 'My_Service' is not valid"),
        ({"service_name": "ab"}, "3 to 32 characters"),
        ({"service_name": "a" * 33}, "3 to 32 characters"),
        ({"service_name": "1ab"}, "starting with a letter"),
        ({"cpu_cores": 0}, "cpu_cores is 0"),
        ({"memory_gb": "much"}, "memory_gb is 'much'"),
        ({"response_format": "xml"}, "response_format is 'xml'; choose one of string, object"),
        ({"model": None}, "model is None"),
        ({"model": {"name": "m", "version": 4}, "model_version": 3}, "give one"),
        ({"timeout_minutes": 0}, "timeout_minutes is 0"),
    ],
)
def test_bad_deployments(workspace: FakeWorkspace, context: TaskContext, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        deploy(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []


def test_unknown_model_is_not_retried(workspace: FakeWorkspace, context: TaskContext) -> None:
    with pytest.raises(NotFound, match="no model 'nobody'"):
        deploy(model="nobody").execute(context)  # type: ignore[arg-type]
    assert "deploy" not in workspace.names()


@pytest.mark.parametrize(
    ("uri", "warns"),
    [
        ("http://svc.westeurope.azurecontainer.io/score", True),
        ("http://20.50.2.1/score", True),
        ("https://svc.westeurope.azurecontainer.io/score", False),
        ("http://127.0.0.1:9/score", False),
        ("http://localhost:9/score", False),
        ("http://10.0.0.4/score", False),
        ("http://azureml:8800/score", False),
    ],
)
def test_a_deployment_that_is_open_to_listeners_says_so(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch, uri: str, warns: bool
) -> None:
    warnings: list[str] = []
    task = deploy()
    monkeypatch.setattr(task.log, "warning", lambda text, *values: warnings.append(text % values))
    workspace.service = replace(workspace.service, scoring_uri=uri)
    task.execute(context)  # type: ignore[arg-type]
    assert [uri in text and "unencrypted" in text for text in warnings] == [True] * warns


@pytest.mark.parametrize("state", [ServiceState.FAILED, ServiceState.UNHEALTHY])
def test_failed_deployment_shows_the_log(workspace: FakeWorkspace, context: TaskContext, state: ServiceState) -> None:
    workspace.states = [ServiceState.TRANSITIONING, state]
    workspace.service = replace(workspace.service, error="the model cannot be loaded.")
    with pytest.raises(AirflowFailException) as caught:
        deploy().execute(context)  # type: ignore[arg-type]
    assert f"svc-a is {state}: the model cannot be loaded." in str(caught.value)
    assert "ValueError: no such model file" in str(caught.value)


def test_refused_update_is_no_success(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = replace(workspace.service, model_version=3, error="version 4 cannot be loaded.")
    monkeypatch.setattr(workspace, "get_service", lambda name: old)
    with pytest.raises(AirflowFailException, match="goes on with model m version 3: version 4 cannot be loaded"):
        deploy().execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [ServiceState.TRANSITIONING, ServiceState.UNKNOWN])
def test_deploy_deadline(
    workspace: FakeWorkspace, context: TaskContext, clock: list[float], state: ServiceState
) -> None:
    workspace.states = [state]
    with pytest.raises(WaitTimeout, match="web service svc-a was not done after 60 s"):
        deploy(timeout_minutes=1).execute(context)  # type: ignore[arg-type]
    assert clock[0] == pytest.approx(60, abs=2)


def test_deploy_waits_out_a_restart(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.states = [ServiceState.TRANSITIONING, unavailable(), unavailable(), ServiceState.HEALTHY]
    assert deploy().execute(context)["state"] == "Healthy"  # type: ignore[arg-type]


def test_killed_deploy_ends(workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    task = deploy()
    workspace.states = [ServiceState.TRANSITIONING]
    look = workspace.get_service

    def killed_meanwhile(name: str) -> Any:
        task.on_kill()
        return look(name)

    monkeypatch.setattr(workspace, "get_service", killed_meanwhile)
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]


def test_a_retry_goes_on_with_the_deployment_that_the_lost_try_began(
    workspace: FakeWorkspace, context: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest, get = [4], workspace.get_model
    monkeypatch.setattr(workspace, "get_model", lambda name, version=None: get(name, version or latest[0]))

    def die(_name: str) -> None:
        raise SystemExit

    with monkeypatch.context() as lost:
        lost.setattr(workspace, "get_service", die)
        with pytest.raises(SystemExit):
            deploy(model="m").execute(context)  # type: ignore[arg-type]
    latest[0] = 5
    kept = dict(context["task_state_store"][STORE_KEY])
    later = TaskContext(task_id="deploy", try_number=2)
    later["task_state_store"] = context["task_state_store"]
    assert deploy(model="m").execute(later)["model_version"] == 4  # type: ignore[arg-type]
    first, again = (what for call, what in workspace.calls if call == "deploy")
    assert first == again
    assert later["task_state_store"][STORE_KEY]["limit"] == kept["limit"]

    later = TaskContext(task_id="deploy", try_number=3)
    over = kept | {"limit": kept["limit"] | {"deadline": 1.0}}
    later["task_state_store"] = TaskStateStore({STORE_KEY: over})
    assert deploy(model="m").execute(later)["model_version"] == 5, "its time was over"  # type: ignore[arg-type]


@pytest.mark.parametrize("service", [{"name": "svc-a", "scoring_uri": "u"}, "svc-a"])
def test_insights(workspace: FakeWorkspace, context: TaskContext, service: Any) -> None:
    assert insights(service=service).execute(context) == {  # type: ignore[arg-type]
        "name": "svc-a",
        "enabled": True,
        "where_to_look": "python -m azureml_local requests svc-a",
    }
    assert ("set_app_insights", ("svc-a", True)) in workspace.calls


def test_insights_off(workspace: FakeWorkspace, context: TaskContext) -> None:
    assert insights(enabled="no").execute(context)["enabled"] is False  # type: ignore[arg-type]


def test_insights_of_a_failed_service(workspace: FakeWorkspace, context: TaskContext) -> None:
    workspace.states = [ServiceState.FAILED]
    with pytest.raises(AirflowFailException, match="the service Failed"):
        insights().execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"service": None}, "service is None"),
        ({"service": {"x": 1}}, "service is a mapping without 'name'"),
        ({"enabled": "perhaps"}, "enabled is 'perhaps'; give true or false"),
    ],
)
def test_bad_insights(workspace: FakeWorkspace, context: TaskContext, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        insights(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []
