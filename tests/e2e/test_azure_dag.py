"""`bank_marketing_train`, the same file, with a connection to Azure: the real SDK v1 over real HTTP, real training.

What answers is the local Azure ML (`serve --azureml-sdk`), not Azure.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import Ran
from tests.e2e.train_dag import check_results, run_train_dag

pytestmark = pytest.mark.e2e

SERVICE = "e2e-azure-bank"


@pytest.fixture(scope="module")
def ran(azure_airflow: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_train_dag(azure_airflow, tmp_path_factory.mktemp("azure-train"), experiment="e2e-azure", name=SERVICE)


def test_every_task_succeeds_and_results_follow_one_another(ran: Ran) -> None:
    check_results(ran, SERVICE)


def test_the_engine_did_the_work(ran: Ran, azure_server: AzureServer) -> None:
    """What the DAG was told is what the local Azure ML says of itself on its own interface."""
    engine, automl = azure_server.workspace(), ran.result("automl_run")
    model = engine.get_model(automl["model"]["name"], automl["model"]["version"])
    assert model.run_id == automl["run_id"]
    assert engine.automl_result(automl["run_id"]).metrics["AUC_weighted"] == pytest.approx(
        automl["metrics"]["AUC_weighted"]
    )
    service = engine.get_service(SERVICE)
    assert (service.model_version, service.app_insights_enabled) == (model.version, True)
    assert engine.service_requests(SERVICE).count >= 300


def test_no_secret_is_in_a_log_or_in_the_database(ran: Ran, azure_airflow: Airflow, azure_server: AzureServer) -> None:
    keys = azure_server.workspace().service_keys(SERVICE)
    places = [azure_airflow.home, azure_server.state_dir]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for secret in (keys.primary, keys.secondary, azure_server.token):
        assert secret not in ran.log
        for path in files:
            assert secret.encode() not in path.read_bytes(), path


def test_xcom_is_small_plain_json(ran: Ran) -> None:
    for task_id, entries in ran.xcom.items():
        assert len(json.dumps(entries)) < 8192, task_id


def test_the_home_folder_stays_clean(ran: Ran, azure_airflow: Airflow) -> None:
    """HOME is Airflow's home there: nothing of the SDK's is in it."""
    assert [
        name for name in (".azureml", ".azure", ".cache", ".mlflow") if (Path(azure_airflow.home) / name).exists()
    ] == []
