"""Monitoring through its operator, of a real service that real requests are sent to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.after_deployment.conftest import Live, client_rows, task_context

from airflow_azureml.operators.monitor_service import AzureMLMonitorServiceOperator
from azureml_gate.approval import Approval, record_approval
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.figures import ModelFigures
from azureml_monitoring.record import MonitorRecord, MonitorVerdict
from azureml_monitoring.retraining import Retraining, retraining_path
from azureml_workspace.errors import NotFound
from azureml_workspace.records import ModelVersion

pytestmark = pytest.mark.integration

RETRAIN = {"retrain_dag_id": "train_again", "retrain_conf": '{"drop_key": "latest", "force": true}'}


def look(live: Live, *, run_id: str = "manual__1", **given: Any) -> dict[str, Any]:
    task = AzureMLMonitorServiceOperator(task_id="monitor", **{"service": live.service.name} | given)
    context = task_context(run_id)
    result = task.execute(context)
    assert context.xcom["azureml_service_url"] == f"/azureml/services?name={task.service}"
    return result


def kept(live: Live, result: dict[str, Any]) -> MonitorRecord:
    return MonitorRecord.from_dict(live.workspace.read_document(result["document"]).content)


def test_clients_that_change_are_seen_and_training_is_asked_for_once(live: Live) -> None:
    live.send(client_rows(50, seed=1))
    live.wait_for_inputs(50)
    few = look(live, **RETRAIN)
    assert (few["verdict"], few["retrain"], few["sampled_rows"]) == ("not_enough", False, 50)
    assert "50 sampled rows" in few["reason"]

    live.send(client_rows(250, seed=2))
    live.send(client_rows(300, seed=3, colours=("violet",)), purpose="gate")
    live.wait_for_inputs(300)
    live.wait_for_requests(3)
    same = look(live, **RETRAIN)
    assert (same["verdict"], same["retrain"], same["sampled_rows"], same["drifted"]) == ("ok", False, 300, [])
    assert (same["requests"], same["error_rate"]) == (3, None)

    live.send(client_rows(300, seed=4, colours=("red", "violet", "violet")))
    live.wait_for_inputs(600)
    other = look(live, max_rows=300, **RETRAIN)
    assert (other["verdict"], other["drifted"], other["retrain"]) == ("drift", ["colour"], True)
    assert other["retrain_dag_id"] == "train_again"
    record = kept(live, other)
    assert record.verdict is MonitorVerdict.DRIFT
    assert {shift.column: shift.psi is not None and shift.psi > 0.25 for shift in record.shifts} == {
        "colour": True,
        "visits": False,
        "price": False,
    }
    assert "'violet'" in str(record.shifts[0].new_categories)
    assert record.training == Versioned(name="after-shop", version=1)
    assert record.retraining is not None
    assert record.retraining.conf == {"drop_key": "latest", "force": True}
    assert f"run {other['retrain_run_id']} of train_again is triggered" in record.reason

    again = look(live, max_rows=300, **RETRAIN)  # a retry of the same DAG run
    assert (again["retrain"], again["retrain_run_id"]) == (True, other["retrain_run_id"])
    later = look(live, run_id="manual__2", max_rows=300, **RETRAIN)
    assert (later["verdict"], later["retrain"]) == ("drift", False)
    assert "cool-down" in later["reason"]
    ignored = look(live, run_id="manual__3", max_rows=300, ignore_columns=["colour"], **RETRAIN)
    assert (ignored["verdict"], ignored["retrain"]) == ("ok", False)

    path = retraining_path(live.service.name)
    asked = live.workspace.read_document(path)
    before = Retraining.from_dict(asked.content)
    long_ago = {**asked.content, "at": (before.at - timedelta(hours=25)).isoformat()}
    live.workspace.write_document(path, long_ago, expected=asked.etag)
    third = look(live, run_id="manual__4", max_rows=300, **RETRAIN)
    assert third["retrain"]
    assert len(live.workspace.list_documents(f"monitoring/{live.service.name}")) == 7


def test_a_service_that_keeps_no_inputs_is_said_to(live: Live) -> None:
    live.workspace.set_app_insights(live.service.name, enabled=False)
    live.send(client_rows(50, seed=1))
    found = look(live)
    assert found["verdict"] == "not_enough"
    assert "keeps no inputs" in found["reason"]


def test_refusals_and_latency_are_held_to_limits(live: Live) -> None:
    for seed in range(15):
        live.send(client_rows(2, seed=seed))
    for _ in range(10):
        live.send([{"visits": "many"}], status=400)
    live.wait_for_requests(25)
    assert look(live)["verdict"] == "not_enough"
    refused = look(live, max_refused_rate=0.2)
    assert refused["verdict"] == "errors"
    assert "40.00% of the requests were refused" in refused["reason"]
    assert look(live, max_p95_ms=0.000001)["verdict"] == "errors"


def decision(live: Live, model: ModelVersion, auc: float) -> DecisionRecord:
    """As the gate writes it when it turned a challenger away."""
    champion = Versioned(name=model.name, version=model.version)
    request = GateRequest(
        service=live.service.name,
        candidate_service="c",
        challenger=Versioned(name="other", version=9),
        holdout=Versioned(name="h", version=1),
        label="bought",
    )
    figures = ModelFigures(
        name=model.name, version=model.version, service=live.service.name, metrics={"AUC_weighted": auc}
    )
    return DecisionRecord(
        decision_id=f"d{auc:g}",
        at=datetime.now(UTC),
        request=request,
        champion=champion,
        verdict=Verdict.REJECT,
        reason="",
        champion_figures=figures,
    )


def test_a_champion_below_the_floor_on_the_newest_holdout_is_trained_anew(live: Live, model: ModelVersion) -> None:
    assert look(live, min_metric=0.7)["metric"] is None
    for auc in (0.9, 0.61):
        record = decision(live, model, auc)
        live.workspace.write_document(record.path, record.to_dict(), expected=None)
        said = Approval(decision=record.path, approved=False, by="ann", at=record.at)
        record_approval(live.workspace, record, said)  # stands among the decisions
    found = look(live, min_metric=0.7, **RETRAIN)
    assert (found["verdict"], found["metric"], found["metric_name"]) == ("below_floor", 0.61, "AUC_weighted")
    assert found["retrain"]
    assert "decisions/" in found["reason"]
    assert look(live, min_metric=0.6, run_id="manual__2", **RETRAIN)["verdict"] == "not_enough"


def test_training_data_that_is_gone_is_no_failure(live: Live, model: ModelVersion) -> None:
    tags = {"dataset": "gone", "dataset_version": "1", "label": "bought"}
    live.deploy(model=live.workspace.register_model("after-gone", model.run_id, tags=tags))
    live.send(client_rows(30, seed=1))
    live.wait_for_inputs(30)
    found = look(live, min_rows=20, **RETRAIN)
    assert (found["verdict"], found["retrain"]) == ("ok", False)
    assert "the training data is gone" in found["reason"]


def test_no_service_of_that_name(live: Live) -> None:
    with pytest.raises(NotFound):
        look(live, service="nobody")
