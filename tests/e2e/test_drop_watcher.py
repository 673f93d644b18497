"""Drops that appear are seen by a real triggerer, and each gets one DAG run."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from tests.azurite_server import ACCOUNT, AzuriteServer
from tests.e2e.conftest import DAGS
from tests.e2e.standalone import Standalone, eventually
from tests.local_server import LocalServer

pytestmark = pytest.mark.e2e

CONTENT = "a,b\n1,{}\n"
WATCHER = "bank_marketing_drop_watcher"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def container(azurite: AzuriteServer) -> ContainerClient:
    return azurite.container("watched")


@pytest.fixture(scope="module")
def airflow(
    local_server: LocalServer, azurite: AzuriteServer, container: ContainerClient, folder: Path
) -> Iterator[Standalone]:
    (folder / "dags").mkdir()
    (folder / "drops").mkdir()
    shutil.copy(Path(__file__).with_name("dags_drops.py"), folder / "dags")
    shutil.copy(DAGS / f"{WATCHER}.py", folder / "dags")
    extra = {"backend": "local", "token_file": str(local_server.home / "token")}
    environment = {
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps({"conn_type": "azureml", "host": local_server.url, "extra": extra}),
        "BANK_MARKETING_DROPS": f"wasbs://{container.container_name}@{ACCOUNT}.blob.core.windows.net/raw/{{date}}.csv",
        "BANK_MARKETING_DROPS_CONNECTION": "blobs",
        "TEST_LOCAL_DROPS": f"{folder}/drops/{{key}}.csv",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    }
    airflow = Standalone(folder / "airflow", folder / "dags", environment)
    try:
        airflow.start()
        # In Airflow's database and not in its environment: a trigger asks Airflow's supervisor for it then.
        connection = {"connection_id": "blobs", "conn_type": "wasb"}
        airflow.call(
            "POST",
            "/connections",
            json={**connection, "extra": json.dumps({"connection_string": azurite.connection_string()})},
        )
        yield airflow
    finally:
        airflow.stop()


def until_runs(airflow: Standalone, dag_id: str, expected: dict[str, int], seconds: float = 240.0) -> None:
    """Wait until the DAG has so many successful runs per drop, and no other."""

    def counted() -> bool:
        runs = (airflow.call("GET", f"/dags/{dag_id}/dagRuns?limit=100") or {"dag_runs": []})["dag_runs"]
        counts = Counter(run["conf"]["drop_key"] for run in runs)
        assert all(counts[key] <= expected.get(key, 0) for key in counts), counts
        assert all(run["state"] != "failed" for run in runs)
        return counts == expected and all(run["state"] == "success" for run in runs)

    eventually(counted, what=f"runs of {dag_id}: {expected}", seconds=seconds)


def test_each_drop_in_a_blob_storage_gets_one_run(airflow: Standalone, container: ContainerClient) -> None:
    for day in (1, 2, 3):
        container.upload_blob(f"raw/2026-11-0{day}.csv", CONTENT.format(day))
    eventually(lambda: airflow.call("GET", f"/dags/{WATCHER}"), what=WATCHER)
    airflow.call("PATCH", f"/dags/{WATCHER}", json={"is_paused": False})
    first = {f"2026-11-0{day}": 1 for day in (1, 2, 3)}
    until_runs(airflow, "bank_marketing_drops", first)
    for day in (4, 5, 6):
        container.upload_blob(f"raw/2026-11-0{day}.csv", CONTENT.format(day))
    container.upload_blob("raw/2026-11-01.csv", CONTENT.format("changed"), overwrite=True)
    then = {**{f"2026-11-0{day}": 1 for day in range(1, 7)}, "2026-11-01": 2}
    until_runs(airflow, "bank_marketing_drops", then)


def test_nothing_is_lost_when_the_triggerer_is_killed(airflow: Standalone, folder: Path) -> None:
    eventually(lambda: airflow.call("GET", "/dags/local_drop_watcher"), what="local_drop_watcher")
    (folder / "drops" / "a.csv").write_text(CONTENT.format(1))
    until_runs(airflow, "local_drops", {"a": 1})
    triggerer = [process for process in airflow.processes("triggerer") if "airflow" in " ".join(process.cmdline())]
    environment, command = triggerer[0].environ(), triggerer[0].cmdline()
    for process in triggerer:
        process.kill()
    for key in ("b", "c", "d"):
        (folder / "drops" / f"{key}.csv").write_text(CONTENT.format(key))
    with (folder / "triggerer.log").open("wb") as log:
        again = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        until_runs(airflow, "local_drops", dict.fromkeys("abcd", 1))
        scans = airflow.call("GET", "/dags/local_drop_watcher/dagRuns?limit=100")["dag_runs"]
        assert len(scans) <= 6
    finally:
        again.kill()
        again.wait()
