"""The operators of the live service with the real hook, against a real service."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported
from tests.integration.airflow_azureml.conftest import TaskContext, connect
from tests.integration.promotion.conftest import WRONG_HOLDOUT, decided
from tests.local_server import LocalServer

# isort: split
from airflow.sdk import Asset
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from airflow_azureml.operators.promote_model import AzureMLPromoteModelOperator
from airflow_azureml.operators.rollback import AzureMLRollbackOperator
from azureml_gate.decision import Verdict
from azureml_gate.history import read_history
from azureml_gate.lease import LeaseHeld, acquire
from azureml_workspace.local.workspace import LocalWorkspace

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _as_in_a_task(monkeypatch: pytest.MonkeyPatch, promotion_server: LocalServer) -> None:
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    connect(monkeypatch, promotion_server)


def promote(context: TaskContext, gate: Any, **given: Any) -> dict[str, Any]:
    task = AzureMLPromoteModelOperator(task_id="promote", gate=gate, poll_seconds=0.1, **given)
    return task.execute(context)  # type: ignore[arg-type]


def test_promote_and_go_back(workspace: LocalWorkspace, name: str) -> None:
    model, context = Asset("bank-model"), TaskContext("promote")
    context["outlet_events"] = {model: SimpleNamespace(extra={})}
    first = decided(workspace, name, 1, None)
    made = promote(context, {"decision": first.path}, outlets=[model], app_insights_enabled="true", memory_gb="1.5")
    assert (made["service_name"], made["action"], made["previous"]) == (name, "promoted", None)
    assert made["model"] == {"name": "bank", "version": 1}
    assert context["outlet_events"][model].extra == {
        "model_name": "bank",
        "model_version": 1,
        "service_name": name,
        "action": "promoted",
        "decision": first.path,
        "drop_dataset": "bank",
        "drop_key": f"{name}-1",
        "champion_name": None,
        "champion_version": None,
    }
    service = workspace.get_service(name)
    assert context.xcom["azureml_service_url"] == f"/azureml/services?name={service.name}"
    assert context.xcom["azureml_decision_url"] == "/azureml/models?name=bank#decisions"
    assert (service.app_insights_enabled, service.memory_gb) == (True, 1.5)
    promote(TaskContext("promote"), decided(workspace, name, 2, 1).path)

    by_ann = TaskContext("roll_back")
    by_ann["dag_run"] = SimpleNamespace(triggering_user_name="ann")
    back = AzureMLRollbackOperator(task_id="roll_back", service=name, to_version="None", reason="complaints")
    for _again in range(2):
        result = back.execute(by_ann)  # type: ignore[arg-type]
        assert (result["action"], result["model"]["version"]) == ("restored", 1)
        assert (result["by"], result["reason"]) == ("ann (integration/manual__1)", "complaints")
    assert workspace.get_service(name).model_version == 1
    assert by_ann.xcom["azureml_service_url"] == f"/azureml/services?name={name}"


def test_nothing_to_promote_skips_the_task(workspace: LocalWorkspace, name: str) -> None:
    worse = decided(workspace, name, 1, None, verdict=Verdict.REJECT, reason="it is worse")
    context = TaskContext("promote")
    with pytest.raises(AirflowSkipException, match=r"bank version 1 is not promoted .*: it is worse"):
        promote(context, worse.path)
    assert context.xcom["azureml_decision_url"] == "/azureml/models?name=bank#decisions", "why, is to be seen there"


def test_approval_that_is_missing_fails_the_task(workspace: LocalWorkspace, name: str) -> None:
    with pytest.raises(AirflowFailException, match="nobody approved"):
        promote(TaskContext("promote"), decided(workspace, name, 1, None).path, require_approval=True)


def test_a_model_that_was_rolled_back_fails_the_task_each_time(workspace: LocalWorkspace, name: str) -> None:
    promote(TaskContext("promote"), decided(workspace, name, 1, None).path)
    bad = decided(workspace, name, 2, 1, holdout=WRONG_HOLDOUT)
    for _again in range(2):
        with pytest.raises(AirflowFailException, match=f"rolled back, and {name} is at version 1 of bank again"):
            promote(TaskContext("promote"), bad.path)
    assert len(read_history(workspace, name).entries) == 2


def test_a_task_that_is_stopped_waits_no_longer_for_the_service(workspace: LocalWorkspace, name: str) -> None:
    held = acquire(workspace, name, "somebody else")
    task = AzureMLPromoteModelOperator(task_id="promote", gate=decided(workspace, name, 1, None).path)
    threading.Timer(1.0, task.on_kill).start()
    with pytest.raises(LeaseHeld, match="somebody else"):
        task.execute(TaskContext("promote"))  # type: ignore[arg-type]
    held.release()


def test_a_deployment_beside_the_gate_is_in_the_history(workspace: LocalWorkspace, name: str) -> None:
    promote(TaskContext("promote"), decided(workspace, name, 1, None).path)
    deploy = AzureMLDeployModelOperator(
        task_id="deploy", model="bank", model_version=3, service_name=name, poll_seconds=0.1
    )
    assert deploy.execute(TaskContext("deploy"))["model_version"] == 3  # type: ignore[arg-type]
    history = read_history(workspace, name)
    assert [entry.action.value for entry in history.entries] == ["promoted", "deployed"]
    assert history.entries[-1].by == "integration/manual__1/deploy"
    assert history.pending is None
