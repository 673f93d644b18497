"""Drops through real Airflow: registered, trained once, skipped or failed with their reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Airflow
from tests.e2e.dag_runs import RUN_DAG, Ran
from tests.local_server import LocalServer

from azureml_drops.ledger import DropStatus, read_drop
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.e2e

DAG_FILE = Path(__file__).with_name("drop_dags") / "of_drops.py"
SKIPPED = {"prepare_training": "skipped", "automl_run": "skipped", "refuse": "skipped"}


def run(airflow: Airflow, folder: Path, **conf: Any) -> Ran:
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    conf = {"drops": f"{folder}/{{date}}.csv", **conf}
    environment = airflow.environment | {"AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent)}
    done = replace(airflow, environment=environment).python(
        RUN_DAG, str(DAG_FILE), json.dumps(conf), str(out), seconds=240
    )
    assert out.exists(), done.stdout
    content = json.loads(out.read_text())
    content.pop("run_id")
    return Ran(**content, log=done.stdout)


def test_a_drop_is_trained_once_and_a_bad_one_never(
    airflow: Airflow, local_server: LocalServer, tmp_path: Path
) -> None:
    generate_bank_marketing(tmp_path / "2026-11-01.csv", rows=200, seed=1)
    generate_bank_marketing(tmp_path / "2026-11-02.csv", rows=200, seed=2)
    workspace = local_server.workspace()

    first = run(airflow, tmp_path, drop_key="latest")
    assert set(first.tasks.values()) == {"success"}, first.log
    drop, training, automl = (first.result(task) for task in ("register_drop", "prepare_training", "automl_run"))
    assert (drop["name"], drop["version"], drop["drop_key"], drop["rows"]) == ("of-drops", 1, "2026-11-02", 200)
    # The day before was there and nobody had registered it.
    assert [(each["key"], each["version"]) for each in training["drops"]] == [("2026-11-01", 2), ("2026-11-02", 1)]
    assert training["rows"] + training["holdout"]["rows"] == 400
    assert automl["dataset"] == {"name": "of-drops-training", "version": training["version"]}
    model = workspace.get_model(automl["model"]["name"], automl["model"]["version"])
    assert model.tags.items() >= training["model_tags"].items()
    assert len(json.dumps([drop, training])) < 6_000

    again = run(airflow, tmp_path, drop_key="2026-11-02")
    assert again.tasks == SKIPPED | {"register_drop": "success"}, again.log
    assert f"was trained on already as of-drops version {model.version}" in again.log

    record = read_drop(workspace, "of-drops", "2026-11-02")
    assert record is not None
    assert [event.status for event in record.events] == [
        DropStatus.REGISTERED,
        DropStatus.TRAINED,
        DropStatus.REJECTED,
    ]

    bad = (tmp_path / "2026-11-02.csv").read_text().replace("cellular", "carrier pigeon")
    (tmp_path / "2026-11-03.csv").write_text(bad)
    refused = run(airflow, tmp_path, drop_key="2026-11-03")
    assert refused.tasks["register_drop"] == "failed", refused.log
    assert "has categories that the baseline lacks" in refused.log
