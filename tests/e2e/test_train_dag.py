"""The DAG `bank_marketing_train` in real Airflow, against the real local server, on generated rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import Ran, run_dag
from tests.e2e.train_dag import DAG, check_results, run_train_dag
from tests.local_server import LocalServer

from azureml_endpoint.score import ScoringClient
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.e2e

SERVICE = "e2e-bank"


@pytest.fixture(scope="module")
def ran(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_train_dag(airflow, tmp_path_factory.mktemp("train"), experiment="e2e", name=SERVICE)


def test_every_task_succeeds_and_results_follow_one_another(ran: Ran) -> None:
    check_results(ran, SERVICE)


def test_xcom_is_small_plain_json(ran: Ran) -> None:
    for task_id, entries in ran.xcom.items():
        text = json.dumps(entries)
        assert len(text) < 8192, task_id
        assert "__classname__" not in text


def test_links_are_in_xcom(ran: Ran) -> None:
    run = ran.xcom["automl_run"]
    assert run["azureml_run_url"].startswith("/azureml/run?dag_id=bank_marketing_train&")
    assert run["azureml_run"] == {"conn_id": "azureml_default", "run_id": ran.result("automl_run")["run_id"]}
    assert ran.xcom["deploy"]["azureml_service_url"] == f"/azureml/services?name={ran.result('deploy')['name']}"


def test_the_log_shows_progress(ran: Ran) -> None:
    assert "trial" in ran.log
    assert "s left" in ran.log


def test_no_secret_is_in_a_log_or_in_the_database(ran: Ran, airflow: Airflow, local_server: LocalServer) -> None:
    keys = local_server.workspace().service_keys(SERVICE)
    secrets = (keys.primary, keys.secondary, local_server.token)
    files = [path for path in airflow.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for secret in secrets:
        assert secret not in ran.log
        for path in files:
            assert secret.encode() not in path.read_bytes(), path


def test_the_service_goes_on_answering(ran: Ran, local_server: LocalServer) -> None:
    workspace = local_server.workspace()
    dataset = ran.result("register_dataset")
    (row,) = workspace.take_rows(dataset["name"], dataset["version"], 1)
    row.pop("y")
    with ScoringClient(ran.result("deploy")["scoring_uri"], workspace.service_keys(SERVICE).primary) as client:
        assert client.score([row]).result[0] in {"no", "yes"}


def test_the_model_remembers_where_it_comes_from(ran: Ran, local_server: LocalServer) -> None:
    automl = ran.result("automl_run")
    tags = local_server.workspace().get_model(automl["model"]["name"], automl["model"]["version"]).tags
    assert tags["run_id"] == automl["run_id"]
    assert tags["dataset_fingerprint"] == ran.result("register_dataset")["fingerprint"]
    assert tags["dag_id"] == "bank_marketing_train"


def test_a_benchmark_that_cannot_be_judged_fails_before_anything_is_registered(
    airflow: Airflow, tmp_path: Path
) -> None:
    conf = {"data_path": str(tmp_path / "none.csv"), "benchmark_requests": 20, "benchmark_max_p95_ms": 5}
    failed = run_dag(airflow, DAG, tmp_path, **conf)
    assert (failed.tasks["register_dataset"], failed.tasks["automl_run"]) == ("failed", "upstream_failed")
    assert "max_p95_ms is set and requests is 20" in failed.log
    assert "none.csv does not exist" not in failed.log


def test_a_wrong_label_fails_at_once_and_submits_nothing(
    airflow: Airflow, local_server: LocalServer, tmp_path: Path
) -> None:
    generate_bank_marketing(tmp_path / "bank.csv", rows=60)
    failed = run_dag(
        airflow, DAG, tmp_path, data_path=str(tmp_path / "bank.csv"), dataset_name="e2e-wrong-label", label="yy"
    )
    assert failed.state == "failed"
    assert failed.tasks["register_dataset"] == "failed"
    assert failed.tasks["automl_run"] == "upstream_failed"
    assert "label_column_name is 'yy', which is not a column of bank.csv" in failed.log
