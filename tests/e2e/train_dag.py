"""A whole run of `bank_marketing_train` on generated rows, and what its results say, whichever backend ran it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import Ran, run_dag

from mlops_config.bank_marketing_generator import generate_bank_marketing

DAG = "bank_marketing_train"


def run_train_dag(airflow: Airflow, folder: Path, *, experiment: str, name: str) -> Ran:
    """Run it on 600 rows; dataset and web service are called `name`."""
    generate_bank_marketing(folder / "bank.csv", rows=600)
    return run_dag(
        airflow,
        DAG,
        folder,
        data_path=str(folder / "bank.csv"),
        dataset_name=name,
        experiment_name=experiment,
        service_name=name,
        exclude_columns=["duration"],
        experiment_timeout_minutes=0.25,
        benchmark_requests=300,
        benchmark_concurrency=2,
        benchmark_max_p95_ms=5000,
    )


def check_results(ran: Ran, name: str) -> None:
    """Every task succeeded, and each result names what the one before it made."""
    assert ran.state == "success", ran.log
    assert set(ran.tasks.values()) == {"success"}
    dataset, automl, service = (ran.result(task) for task in ("register_dataset", "automl_run", "deploy"))
    assert (dataset["rows"], dataset["columns"]) == (600, 21)
    assert automl["dataset"] == {"name": name, "version": dataset["version"]}
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
