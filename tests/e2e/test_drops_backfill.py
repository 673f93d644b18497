"""Sixty days of drops, four at a time, in a real scheduler, while a client goes on asking the live service."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest
from tests.e2e.drops.backfill import DAG, Backfill, airflow_with_drops, backfill_conf
from tests.e2e.drops.client import ContinuousClient
from tests.e2e.drops.outcomes import Names, check_outcomes
from tests.e2e.drops.planted import LABEL, Planted, plant, sample_rows
from tests.e2e.standalone import Standalone, eventually
from tests.local_server import LocalServer

from azureml_drops.ledger import DropStatus, read_drop
from azureml_workspace.records import Run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

NAMES = Names(dataset="shop", model="shop", service="shop-live")
MOST_SECONDS = 1500.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("azureml")).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def airflow(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    airflow = airflow_with_drops(tmp_path_factory.mktemp("standalone"), server)
    try:
        yield airflow.start()
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("drops"))


def test_sixty_days_are_backfilled_and_nothing_is_done_twice(
    airflow: Standalone, server: LocalServer, planted: Planted
) -> None:
    workspace = server.workspace()
    eventually(lambda: airflow.call("GET", f"/dags/{DAG}"), what="the DAG", seconds=120)
    airflow.call("PATCH", f"/dags/{DAG}", json={"is_paused": False})
    backfill = Backfill(airflow.call, planted.keys)
    conf = backfill_conf(planted.pattern, dataset=NAMES.dataset, service=NAMES.service, label=LABEL)
    killer = WorkerKiller(airflow, backfill)
    with ContinuousClient(workspace, NAMES.service, sample_rows()) as client:
        command = ("backfill", "create", "--dag-id", DAG, "--from-date", planted.keys[0], "--to-date", planted.keys[-1])
        airflow.command(*command, "--max-active-runs", "4", "--dag-run-conf", json.dumps(conf))
        backfill.await_end(backfill.running(), seconds=MOST_SECONDS, look=killer)
        assert killer.killed, "no worker was killed"
        outcomes = check_outcomes(workspace, planted, NAMES)
        states = backfill.states()
        assert {day for day, state in states.items() if state == "failed"} == set(planted.bad)
        assert Counter(states.values()) == {"success": 57, "failed": 3}
        assert outcomes[DropStatus.PROMOTED] > 1
        trained = automl_runs(server)
        assert len(trained) == planted.contents, "a content was trained on twice, or never"

        stories = ledger(server, planted)
        backfill.await_end(backfill.start(conf, again=True), seconds=MOST_SECONDS)
        assert automl_runs(server) == trained, "the second backfill trained"
        assert check_outcomes(workspace, planted, NAMES) == outcomes
        assert ledger(server, planted) == stories, "the second backfill wrote into the ledger"
        assert Counter(backfill.states().values()) == {"success": 57, "failed": 3}
    assert client.failures == []
    assert client.answered > 100


class WorkerKiller:
    """Kills, once, the process of a task that trains, when some days are done."""

    def __init__(self, airflow: Standalone, backfill: Backfill) -> None:
        self._airflow, self._backfill = airflow, backfill
        self.killed = ""

    def __call__(self) -> None:
        if self.killed or Counter(self._backfill.states().values())["success"] < 15:
            return
        running = self._airflow.call(
            "GET", f"/dags/{DAG}/dagRuns/~/taskInstances", params={"state": "running", "limit": 50}
        )["task_instances"]
        for task in running:
            if task["task_id"] == "automl_run" and task["pid"]:
                for process in [*psutil.Process(task["pid"]).children(recursive=True), psutil.Process(task["pid"])]:
                    process.kill()
                self.killed = task["dag_run_id"]
                return


def automl_runs(server: LocalServer) -> set[str]:
    """Every AutoML run that there is, whatever became of it."""
    answer = server.request("GET", "/v1/runs", params={"experiment": NAMES.dataset})
    return {Run.from_dict(run).run_id for run in answer.json()}


def ledger(server: LocalServer, planted: Planted) -> dict[str, list[str]]:
    """What happened to each drop, event by event."""
    workspace = server.workspace()
    records = {key: read_drop(workspace, NAMES.dataset, key) for key in planted.keys}
    return {key: [event.status.value for event in record.events] for key, record in records.items() if record}
