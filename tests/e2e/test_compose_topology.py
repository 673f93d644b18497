"""docker-compose.yaml without Docker: its own commands and environments, started natively, and what survives a SIGKILL.

One file, because starting the topology takes a minute of this machine.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.e2e.drops.backfill import DAG as DROPS
from tests.e2e.drops.backfill import Backfill, backfill_conf
from tests.e2e.drops.client import ContinuousClient
from tests.e2e.drops.outcomes import Names, check_outcomes
from tests.e2e.drops.planted import LABEL, plant, sample_rows
from tests.e2e.topology.airflow_api import AirflowApi
from tests.e2e.topology.databases import missing_packages
from tests.e2e.topology.faults import (
    MOMENTS,
    PROPERTY,
    SERVICES,
    Cell,
    TooLate,
    busy_worker,
    leftovers,
    remote_runs,
    task_processes,
    workspace_of,
)
from tests.e2e.topology.topology import Topology
from tests.local_server import eventually

from azureml_drops.ledger import DropStatus
from azureml_gate.history import read_history
from azureml_workspace.records import DatasetSource
from azureml_workspace.statuses import RunStatus
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing_packages()), reason=f"not installed: {', '.join(missing_packages())}"),
]

QUICK = {
    # Who died is noticed within seconds and not minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
    # A task that waits in its worker can be killed there. `fault_cell` says for itself that it waits deferred.
    "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "False",
}
MOST_ATTEMPTS = 3
FAULT_DAG = Path(__file__).parent / "topology" / "dags" / "fault_cell.py"
TRAIN = "bank_marketing_train"
SIX_TASKS = ("register_dataset", "automl_run", "deploy", "enable_insights", "smoke_score", "benchmark")


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    data = tmp_path_factory.mktemp("data")
    generate_bank_marketing(data / "bank.csv", rows=600)
    made = Topology(
        settings={"DATA_FOLDER": str(data), "AIRFLOW_WORKER_CONCURRENCY": "2"},
        overrides=QUICK,
        scale={"airflow-worker": 2},
        dags=(FAULT_DAG,),
    )
    try:
        yield made.start()
    finally:
        made.stop()
    assert [container.spec.name for container in made.containers.values() if container.processes()] == []


@pytest.fixture(scope="module")
def api(topology: Topology) -> AirflowApi:
    signed_in = AirflowApi(topology.url(8080), "admin", topology.variables["AIRFLOW_ADMIN_PASSWORD"])
    for dag_id in (TRAIN, "fault_cell"):
        signed_in.await_dag(dag_id, seconds=120)
    return signed_in


@pytest.fixture(scope="module")
def dataset(topology: Topology) -> str:
    """Registered by this test and no DAG, for the cells of the fault table."""
    data = DatasetSource(path=str(Path(topology.variables["DATA_FOLDER"]) / "bank.csv"))
    return workspace_of(topology).register_dataset("fault-table", data).name


def test_the_six_operators_survive_the_loss_of_the_busy_worker(topology: Topology, api: AirflowApi) -> None:
    worker, _ = topology.of("airflow-worker")
    conf = {
        "data_path": str(worker.spec.folder / "opt/airflow/data/bank.csv"),  # both see it: they share a machine
        "dataset_name": "compose-bank",
        "experiment_name": "compose-train",
        "service_name": "compose-bank",
        "experiment_timeout_minutes": 0.2,
        "benchmark_requests": 100,
    }
    run_id = api.trigger(TRAIN, conf)
    (remote,) = eventually(lambda: remote_runs(topology, "compose-train"), seconds=90, what="the AutoML run")
    eventually(lambda: running(topology, "compose-train"), what="its job")
    killed = busy_worker(topology)
    assert task_processes(killed), "no worker is busy with AutoML"
    killed.kill()
    assert api.await_end(TRAIN, run_id, seconds=180) == "success"
    tasks = api.tasks(TRAIN, run_id)
    assert {task: tasks[task]["state"] for task in SIX_TASKS} == dict.fromkeys(SIX_TASKS, "success")
    assert tasks["automl_run"]["try_number"] >= 2
    assert [run.run_id for run in remote_runs(topology, "compose-train")] == [remote.run_id]
    assert leftovers(topology) == []
    assert killed.starts == 2


def test_logs_of_a_lost_worker_are_still_shown(api: AirflowApi) -> None:
    (run,) = api.get(f"/dags/{TRAIN}/dagRuns")["dag_runs"]
    for attempt in range(1, api.tasks(TRAIN, run["dag_run_id"])["automl_run"]["try_number"] + 1):
        assert "compose-train" in api.log(TRAIN, run["dag_run_id"], "automl_run", attempt)


def test_no_secret_reached_a_log(topology: Topology, api: AirflowApi) -> None:
    kinds = ("_PASSWORD", "_KEY", "_SECRET", "_TOKEN")
    secrets = [value for name, value in topology.variables.items() if name.endswith(kinds)]
    logs = [path for path in topology.folder.rglob("*.log") if path.is_file()]
    assert len(secrets) == 7
    assert len(logs) > 10
    for path in logs:
        text = path.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], path


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("killed", SERVICES)
def test_a_killed_component(
    topology: Topology,
    api: AirflowApi,
    dataset: str,
    killed: str,
    when: str,
    record_property: Callable[[str, object], None],
) -> None:
    for _ in range(MOST_ATTEMPTS):
        cell = Cell(topology, api, killed=killed, when=when, dataset=dataset)
        with suppress(TooLate):
            row = cell.run()
            break
    else:
        pytest.fail(f"the moment passed {MOST_ATTEMPTS} times")
    record_property(PROPERTY, dataclasses.asdict(row))
    assert (row.dag_run, row.remote_runs, row.orphans) == ("success", 1, 0), cell.story()


@pytest.mark.timeout(2400)
def test_sixty_days_are_backfilled_backwards_although_a_worker_is_lost(topology: Topology, api: AirflowApi) -> None:
    planted = plant(Path(topology.variables["DATA_FOLDER"]) / "drops")
    worker, _ = topology.of("airflow-worker")
    names = Names(dataset="shop", model="shop", service="shop-live")
    pattern = str(worker.spec.folder / "opt/airflow/data/drops/{date}.csv")
    conf = backfill_conf(pattern, dataset=names.dataset, service=names.service, label=LABEL)
    api.await_dag(DROPS, seconds=60)
    backfill = Backfill(api.call, planted.keys)
    lost: list[str] = []

    def lose_a_worker() -> None:
        busy = busy_worker(topology)
        if not lost and Counter(backfill.states().values())["success"] >= 15 and task_processes(busy):
            busy.kill()
            lost.append(busy.spec.name)

    workspace = workspace_of(topology)
    with ContinuousClient(workspace, names.service, sample_rows()) as client:
        backfill.await_end(backfill.start(conf, backwards=True), seconds=1500, look=lose_a_worker)
        assert lost
        outcomes = check_outcomes(workspace, planted, names)
        assert Counter(backfill.states().values()) == {"success": 57, "failed": 3}
        trained = {run.run_id for run in remote_runs(topology, names.dataset)}
        assert len(trained) == planted.contents, "a content was trained on twice, or never"
        # The newest comes first, so hardly any of the others may replace it.
        assert outcomes[DropStatus.OLDER] > outcomes[DropStatus.PROMOTED] >= 1
        assert read_history(workspace, names.service).entries[-1].drop_key == max(planted.good)
    assert client.failures == []
    assert client.answered > 100
    assert leftovers(topology) == []


def running(topology: Topology, experiment: str) -> bool:
    return any(run.status is RunStatus.RUNNING for run in remote_runs(topology, experiment))
