"""The DAGs that watch the service and score files, in real Airflow against the real local server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from tests.contract.conftest import settle
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import run_dag
from tests.integration.after_deployment.conftest import client_rows, deploy, model, write_csv  # noqa: F401 - a fixture
from tests.local_server import LocalServer

from azureml_workspace.records import ModelVersion, WebService

pytestmark = pytest.mark.e2e

MONITOR, BATCH, TRAIN = "bank_marketing_monitor", "bank_marketing_batch_score", "bank_marketing_publish_pipeline"
SERVICE = "e2e-after"


@pytest.fixture(scope="module")
def service(local_server: LocalServer, model: ModelVersion) -> Iterator[WebService]:  # noqa: F811 - the fixture
    """With 300 rows of clients that are not as in training."""
    workspace = local_server.workspace()
    found = deploy(workspace, SERVICE, model)
    headers = {"Authorization": f"Bearer {workspace.service_keys(SERVICE).primary}"}
    body = {"data": client_rows(300, seed=1, colours=("violet",))}
    assert requests.post(found.scoring_uri, json=body, headers=headers, timeout=30).status_code == 200
    settle(lambda: workspace.service_inputs(SERVICE, since_seconds=3600), lambda seen: len(seen.rows) == 300)
    yield found
    workspace.delete_service(SERVICE)


def airflow_cli(airflow: Airflow, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env=airflow.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def watch(airflow: Airflow, folder: Path, **given: Any) -> Any:
    return run_dag(airflow, MONITOR, folder, **{"service_name": SERVICE, "retrain_dag_id": TRAIN} | given)


def runs_of(airflow: Airflow, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        airflow_cli(airflow, "dags", "list-runs", dag_id, "--output", "json").splitlines()[-1]
    )
    return found


def test_drift_triggers_training_once(airflow: Airflow, service: WebService, tmp_path: Path) -> None:
    airflow_cli(airflow, "dags", "reserialize")
    nothing = watch(airflow, tmp_path, ignore_columns=["colour"])
    assert nothing.state == "success", nothing.log
    assert nothing.tasks == {"monitor": "success", "retraining_is_asked_for": "success", "retrain": "skipped"}
    assert nothing.result("monitor")["verdict"] == "ok"

    airflow_cli(airflow, "dags", "unpause", TRAIN)
    drifted = watch(airflow, tmp_path, retrain_conf={"iterations": 3})
    assert drifted.state == "success", drifted.log
    result = drifted.result("monitor")
    assert (result["verdict"], result["drifted"], result["retrain"]) == ("drift", ["colour"], True)
    (triggered,) = runs_of(airflow, TRAIN)
    assert triggered["run_id"] == result["retrain_run_id"]

    again = watch(airflow, tmp_path)
    assert again.tasks["retrain"] == "skipped"
    assert again.result("monitor")["verdict"] == "drift"
    assert len(runs_of(airflow, TRAIN)) == 1


def test_a_paused_training_dag_is_said_to_be(
    airflow: Airflow, service: WebService, local_server: LocalServer, tmp_path: Path
) -> None:
    workspace = local_server.workspace()
    path = f"retraining/{SERVICE}"
    for entry in workspace.list_documents("retraining"):
        if entry.path == path:
            workspace.delete_document(path, expected=entry.etag)
    airflow_cli(airflow, "dags", "reserialize")
    airflow_cli(airflow, "dags", "pause", TRAIN)
    failed = watch(airflow, tmp_path)
    assert failed.tasks["retrain"] == "failed", failed.log
    assert "paused" in failed.log


def test_the_rows_of_a_day_and_a_day_without(airflow: Airflow, service: WebService, tmp_path: Path) -> None:
    write_csv(tmp_path / "2026-11-20.csv", client_rows(25, seed=3))
    places = {"rows": f"{tmp_path}/{{date}}.csv", "output_folder": str(tmp_path / "out"), "service_name": SERVICE}
    scored = run_dag(airflow, BATCH, tmp_path, **places, drop_key="2026-11-20", id_columns=["customer"])
    assert scored.state == "success", scored.log
    result = scored.result("batch_score")
    assert (result["rows"], result["key"]) == (25, "2026-11-20")
    assert pq.ParquetFile(result["output"]).metadata.num_rows == 25
    today = run_dag(airflow, BATCH, tmp_path, **places)
    assert today.tasks == {"batch_score": "skipped"}, today.log
