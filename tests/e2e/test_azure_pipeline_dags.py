"""The pipeline's two DAGs, the same files, with a connection to Azure: published and triggered through the real SDK v1.

What answers is the local Azure ML (`serve --azureml-sdk`), not Azure.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import Ran, run_dag

from azureml_workspace.statuses import PipelineStatus
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.e2e

PIPELINE, DATASET, MODEL = "e2e-azure-pipeline", "e2e-azure-pipeline-bank", "e2e-azure-pipeline-model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("azure-pipeline")


@pytest.fixture(scope="module")
def published(azure_airflow: Airflow, folder: Path) -> Ran:
    generate_bank_marketing(folder / "bank.csv", rows=300)
    return run_dag(
        azure_airflow,
        "bank_marketing_publish_pipeline",
        folder,
        data_path=str(folder / "bank.csv"),
        dataset_name=DATASET,
        pipeline_name=PIPELINE,
        experiment_name="e2e-azure-retrain",
        model_name=MODEL,
        experiment_timeout_minutes=0.5,
        iterations=2,
    )


@pytest.fixture(scope="module")
def retrained(azure_airflow: Airflow, folder: Path, published: Ran) -> Ran:
    return run_dag(
        azure_airflow, "bank_marketing_retrain", folder, pipeline_name=PIPELINE, service_name="e2e-azure-none"
    )


def test_publish(published: Ran) -> None:
    assert published.state == "success", published.log
    result = published.result("publish_pipeline")
    assert (result["name"], result["version"], result["status"], result["created"]) == (PIPELINE, 1, "Active", True)


def test_retrain(retrained: Ran) -> None:
    assert retrained.state == "success", retrained.log
    run, comparison = retrained.result("trigger_pipeline"), retrained.result("compare_models")
    assert run["status"] == "Completed"
    assert run["pipeline"] == {"name": PIPELINE, "version": 1}
    assert run["dataset"] == {"name": DATASET, "version": 1}
    assert run["model"] == comparison["model"] == {"name": MODEL, "version": 1}
    assert comparison["verdict"] == "first"
    (event,) = retrained.events
    assert (event["name"], event["extra"]["model_version"]) == ("bank-marketing-model", 1)


def test_no_worker_waited(retrained: Ran) -> None:
    assert "Pausing task as DEFERRED" in retrained.log


def test_the_engine_did_the_work(published: Ran, retrained: Ran, azure_server: AzureServer) -> None:
    engine, run = azure_server.workspace(), retrained.result("trigger_pipeline")
    found = engine.get_pipeline(published.result("publish_pipeline")["pipeline_id"])
    assert (found.name, found.status) == (PIPELINE, PipelineStatus.ACTIVE)
    assert {step.status.value for step in engine.list_step_runs(run["run_id"])} == {"Completed"}
    assert engine.get_model(MODEL, 1).run_id == run["automl_run_id"]


def test_no_secret_is_told(published: Ran, retrained: Ran, azure_server: AzureServer) -> None:
    for ran in (published, retrained):
        assert azure_server.token not in ran.log + json.dumps([ran.xcom, ran.events])
