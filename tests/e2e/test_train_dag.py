"""The DAG `bank_marketing_train` in real Airflow, against the real local server, on generated rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import Ran, run_dag
from tests.local_server import LocalServer

from azureml_endpoint.score import ScoringClient
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.e2e

DAG = "bank_marketing_train"
SERVICE = "e2e-bank"


@pytest.fixture(scope="module")
def ran(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("train")
    generate_bank_marketing(folder / "bank.csv", rows=600)
    return run_dag(
        airflow,
        DAG,
        folder,
        data_path=str(folder / "bank.csv"),
        dataset_name="e2e-bank",
        experiment_name="e2e",
        service_name=SERVICE,
        exclude_columns=["duration"],
        experiment_timeout_minutes=0.25,
        benchmark_requests=300,
        benchmark_concurrency=2,
        benchmark_max_p95_ms=5000,
    )


def test_every_task_succeeds(ran: Ran) -> None:
    assert ran.state == "success", ran.log
    assert set(ran.tasks.values()) == {"success"}


def test_results_follow_one_another(ran: Ran) -> None:
    dataset, automl, service = (ran.result(task) for task in ("register_dataset", "automl_run", "deploy"))
    assert (dataset["rows"], dataset["columns"]) == (600, 21)
    assert automl["dataset"] == {"name": "e2e-bank", "version": dataset["version"]}
    assert automl["classes"] == ["no", "yes"]
    assert set(automl["metrics"]) >= {"AUC_weighted", "accuracy", "log_loss", "norm_macro_recall"}
    assert (service["model_name"], service["model_version"]) == (automl["model"]["name"], automl["model"]["version"])
    assert ran.result("enable_insights")["enabled"] is True
    smoke, benchmark = ran.result("smoke_score"), ran.result("benchmark")
    assert set(smoke["labels"]) <= {"no", "yes"}
    assert {check["name"] for check in smoke["checks"]} >= {"swagger", "score", "wrong_key_refused", "telemetry"}
    assert (benchmark["requests"], benchmark["failed"], benchmark["concurrency"]) == (300, 0, 2)
    assert benchmark["p99_ms"] is None
    assert [threshold["passed"] for threshold in benchmark["thresholds"]] == [True, True]


def test_xcom_is_small_plain_json(ran: Ran) -> None:
    for task_id, entries in ran.xcom.items():
        text = json.dumps(entries)
        assert len(text) < 8192, task_id
        assert "__classname__" not in text


def test_links_are_in_xcom(ran: Ran) -> None:
    run = ran.xcom["automl_run"]
    assert run["azureml_run_url"].startswith("/azureml/run?dag_id=bank_marketing_train&")
    assert run["azureml_run"] == {"conn_id": "azureml_default", "run_id": ran.result("automl_run")["run_id"]}
    assert ran.xcom["deploy"]["azureml_service_url"] == ran.result("deploy")["swagger_uri"]


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
