"""A deferred AutoML task run by Airflow itself, in one process: operator, trigger, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.local_server import LocalServer
from tests.server_of_fake_jobs import server_of_fake_jobs

pytestmark = pytest.mark.integration

DAG_FILE = Path(__file__).parents[2] / "e2e" / "dags_waiting.py"

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(dag_folder=sys.argv[1])
assert not bag.import_errors, bag.import_errors
ran = {}
for dag_id, experiment in json.loads(sys.argv[2]):
    dag = bag.dags[dag_id]
    DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    run = dag.test(run_conf={"experiment": experiment})
    (task,) = run.get_task_instances()
    ran[f"{dag_id} {experiment}"] = {
        "state": str(task.state),
        "tries": task.try_number,
        "result": task.xcom_pull(task_ids="automl"),
    }
print("RAN", json.dumps(ran))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = server_of_fake_jobs(tmp_path_factory.mktemp("fake-jobs"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def ran(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What came of each DAG run, and everything that was printed."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "run.py").write_text(RUN)
    (home / "dags").mkdir()
    shutil.copy(DAG_FILE, home / "dags")
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    connection = {"conn_type": "azureml", "host": server.url, "extra": extra}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection),
    }
    runs = [["waits_deferred", "complete"], ["waits_in_worker", "complete"], ["waits_deferred", "refuse"]]
    commands = [
        [sys.executable, "-m", "airflow", "db", "migrate"],
        [sys.executable, str(home / "run.py"), str(home / "dags"), json.dumps(runs)],
    ]
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout + done.stderr
    found: dict[str, Any] = json.loads(printed.partition("RAN")[2].splitlines()[0])
    return found, printed


def test_both_modes_give_the_same_result(ran: tuple[dict[str, Any], str]) -> None:
    deferred, in_worker = (ran[0][f"{dag_id} complete"] for dag_id in ("waits_deferred", "waits_in_worker"))
    assert (deferred["state"], in_worker["state"]) == ("success", "success")
    own = ("run_id", "best_child_run_id", "model", "portal_url")
    alike = [{key: value for key, value in one["result"].items() if key not in own} for one in (deferred, in_worker)]
    assert alike[0] == alike[1]
    assert deferred["result"]["run_id"] != in_worker["result"]["run_id"]
    assert [one["result"]["model"]["name"] for one in (deferred, in_worker)] == ["waiting", "waiting"]


def test_a_failed_run_fails_the_task_once(ran: tuple[dict[str, Any], str]) -> None:
    refused = ran[0]["waits_deferred refuse"]
    assert (refused["state"], refused["tries"], refused["result"]) == ("failed", 1, None)
    assert "is Failed: one class only" in ran[1]
    assert "RunFailed: a retry cannot mend that" in ran[1]


def test_the_log_tells_the_story_without_a_secret(server: LocalServer, ran: tuple[dict[str, Any], str]) -> None:
    for words in ("Pausing task as DEFERRED", "is Completed: it waited", "Model2 is the best of 3 trials"):
        assert words in ran[1]
    assert server.token not in ran[1]
