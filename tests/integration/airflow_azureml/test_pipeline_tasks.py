"""Publish, trigger, wait and compare, with the real hook and the real local server."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.integration.airflow_azureml.conftest import TaskContext, connect
from tests.local_server import LocalServer, eventually

from airflow_azureml._waiting import TaskStopped
from airflow_azureml.operators.compare_models import AzureMLCompareModelsOperator
from airflow_azureml.operators.publish_pipeline import AzureMLPublishPipelineOperator
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from airflow_azureml.operators.trigger_pipeline import AzureMLTriggerPipelineOperator
from airflow_azureml.sensors.pipeline_run import AzureMLPipelineRunSensor
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.statuses import PipelineStatus, RunStatus
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.integration

QUICK = {"experiment_timeout_minutes": 0.5, "iterations": 1}


@pytest.fixture
def dataset(local_server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    connect(monkeypatch, local_server)
    generate_bank_marketing(tmp_path / "bank.csv", rows=300)
    task = AzureMLRegisterDatasetOperator(
        task_id="register_dataset", data=str(tmp_path / "bank.csv"), name="pipeline-bank", label_column_name="y"
    )
    return task.execute(TaskContext("register_dataset"))  # type: ignore[arg-type]


def publish(dataset: Any, name: str, **given: Any) -> dict[str, Any]:
    task = AzureMLPublishPipelineOperator(
        task_id="publish_pipeline",
        name=name,
        dataset=dataset,
        label_column_name="y",
        experiment_name=name,
        compute_target=name,
        **QUICK | given,
    )
    return task.execute(TaskContext("publish_pipeline"))  # type: ignore[arg-type]


def trigger(**given: Any) -> AzureMLTriggerPipelineOperator:
    return AzureMLTriggerPipelineOperator(task_id="trigger_pipeline", **{"poll_seconds": 0.2} | given)


def test_publishing_again_finds_and_a_change_makes_a_version(
    local_server: LocalServer, dataset: dict[str, Any]
) -> None:
    first, again = publish(dataset, "pipe-again"), publish(dataset, "pipe-again")
    assert (first["created"], again["created"]) == (True, False)
    assert first["pipeline_id"] == again["pipeline_id"]
    changed = publish(dataset, "pipe-again", seed=43)
    assert (changed["version"], changed["created"]) == (2, True)
    assert changed["pipeline_endpoint"] == first["pipeline_endpoint"]
    assert changed["endpoint"] != first["endpoint"]
    (compute,) = [
        found for found in local_server.request("GET", "/v1/computes").json() if found["name"] == "pipe-again"
    ]
    assert compute["max_nodes"] == 1


def test_trigger_sensor_and_comparison(local_server: LocalServer, dataset: dict[str, Any]) -> None:
    published = publish(dataset, "pipe-whole")
    context = TaskContext("trigger_pipeline")
    submitted = trigger(pipeline=published, wait_for_completion=False).execute(context)  # type: ignore[arg-type]
    assert context.xcom["azureml_run"]["run_id"] == submitted["run_id"]
    # A second try finds the run of the first.
    again = trigger(pipeline=published, wait_for_completion=False).execute(context)  # type: ignore[arg-type]
    assert again["run_id"] == submitted["run_id"]

    sensor = AzureMLPipelineRunSensor(task_id="wait", run=submitted, poke_interval=0.2, timeout=120)
    waited = sensor.execute(TaskContext("wait"))  # type: ignore[arg-type]
    taken_up = trigger(pipeline=published).execute(context)  # type: ignore[arg-type]
    assert waited == taken_up
    assert waited["pipeline"] == {"name": "pipe-whole", "version": 1}
    assert waited["dataset"] == {"name": "pipeline-bank", "version": dataset["version"]}
    assert waited["model"] == {"name": "pipe-whole", "version": 1}

    comparison = AzureMLCompareModelsOperator(task_id="compare", model=waited, service="pipe-no-service").execute(
        TaskContext("compare")  # type: ignore[arg-type]
    )
    assert (comparison["verdict"], comparison["run_id"]) == ("first", waited["automl_run_id"])
    assert {metric["name"]: metric["challenger"] for metric in comparison["metrics"]} == waited["metrics"]


def test_killing_the_task_cancels_the_pipeline_run(local_server: LocalServer, dataset: dict[str, Any]) -> None:
    publish(dataset, "pipe-kill", experiment_timeout_minutes=5, iterations=None)
    workspace, context = local_server.workspace(), TaskContext("trigger_pipeline")
    task = trigger(pipeline="pipe-kill")

    def kill_when_running() -> None:
        run_id = eventually(lambda: context.xcom.get("azureml_run"), what="the run")["run_id"]
        eventually(lambda: workspace.get_run(run_id).status is RunStatus.RUNNING, what="its start")
        task.on_kill()

    killer = threading.Thread(target=kill_when_running)
    killer.start()
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    killer.join()
    run_id = context.xcom["azureml_run"]["run_id"]
    eventually(lambda: workspace.get_run(run_id).status is RunStatus.CANCELED, what="the cancellation")
    sensor = AzureMLPipelineRunSensor(task_id="wait", run=run_id, soft_fail=False)
    with pytest.raises(Exception, match=f"run {run_id} is Canceled"):
        sensor.execute(TaskContext("wait"))  # type: ignore[arg-type]


def test_a_disabled_pipeline_refuses_and_says_what_to_do(local_server: LocalServer, dataset: dict[str, Any]) -> None:
    published = publish(dataset, "pipe-off")
    local_server.workspace().set_pipeline_status(published["pipeline_id"], PipelineStatus.DISABLED)
    for named in ({"pipeline": "pipe-off"}, {"pipeline_id": published["pipeline_id"]}):
        with pytest.raises(Conflict, match=r"pipe-off.*Disabled"):
            trigger(**named).execute(TaskContext("trigger_pipeline"))  # type: ignore[arg-type]
    assert publish(dataset, "pipe-off")["version"] == 2


def test_what_cannot_be_is_refused_before_anything_is_submitted(
    local_server: LocalServer, dataset: dict[str, Any]
) -> None:
    publish(dataset, "pipe-refuse")
    before = len(local_server.request("GET", "/v1/runs").json())
    context = TaskContext("trigger_pipeline")
    with pytest.raises(NotFound, match="pipe-refuse version 1"):
        trigger(pipeline="pipe-refusing").execute(context)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        trigger(pipeline="pipe-refuse", pipeline_version=9).execute(context)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="no parameter 'labels'"):
        trigger(pipeline="pipe-refuse", parameters={"labels": "y"}).execute(context)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="99"):
        trigger(pipeline="pipe-refuse", parameters={"dataset_version": 99}).execute(context)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no-such-bank"):
        publish("no-such-bank", "pipe-refuse")
    assert len(local_server.request("GET", "/v1/runs").json()) == before
    assert context.xcom == {}
