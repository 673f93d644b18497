"""The DAG that starts a run for each drop: what it watches, and that both of its parts look at the same place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from airflow_azureml.triggers.drops import AzureMLDropsTrigger

pytestmark = pytest.mark.unit

DAG_FILE = Path(__file__).parents[3] / "dags" / "bank_marketing_drop_watcher.py"


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(dag_folder=str(DAG_FILE))
    assert bag.import_errors == {}
    return bag.dags["bank_marketing_drop_watcher"]


def test_the_watcher_looks_where_the_scan_does(dag: DAG) -> None:
    (asset,) = dag.schedule
    (watcher,) = asset.watchers
    trigger = watcher.trigger
    assert (asset.name, asset.uri) == ("bank-marketing-drops", "azureml://drops/bank-marketing-drops")
    assert isinstance(trigger, AzureMLDropsTrigger)
    scan = dag.get_task("scan_drops")
    assert (trigger.pattern, trigger.dataset, trigger.source_conn_id) == (scan.drops, scan.name, scan.source_conn_id)
    assert scan.run_dag_id == dag.get_task("start_runs").partial_kwargs["trigger_dag_id"] == "bank_marketing_drops"


def test_it_runs_one_at_a_time_and_starts_paused(dag: DAG) -> None:
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, True)
    assert DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag)))).task_dict.keys() == {
        "scan_drops",
        "list_runs",
        "start_runs",
    }


def test_each_pending_drop_is_one_run(dag: DAG) -> None:
    list_runs = dag.get_task("list_runs").python_callable
    drops = [{"key": "2026-11-27", "run_id": "drop__2026-11-27__abc", "path": "p"}]
    assert list_runs({"pending": drops}) == [
        {"trigger_run_id": "drop__2026-11-27__abc", "conf": {"drop_key": "2026-11-27"}}
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "{cwd}/.local/data/drops/{{date}}.csv"),
        ("./drops/{key}/", "{cwd}/drops/{{key}}/"),
        ("/data/{key}.csv", "/data/{{key}}.csv"),
        ("~/drops/{key}.csv", "~/drops/{{key}}.csv"),
        (
            "wasbs://raw@account.blob.core.windows.net/{date}.csv",
            "wasbs://raw@account.blob.core.windows.net/{{date}}.csv",
        ),
    ],
)
def test_the_environment_says_where_the_drops_are(tmp_path: Path, given: str | None, expected: str) -> None:
    code = "from mlops_config.drops import DROPS; print(DROPS.pattern, DROPS.source_conn_id)"
    environment = dict(os.environ) | {"BANK_MARKETING_DROPS": given or "", "BANK_MARKETING_DROPS_CONNECTION": "blobs"}
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == [expected.format(cwd=tmp_path), "blobs"]
