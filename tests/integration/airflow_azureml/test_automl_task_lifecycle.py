"""Kill, retry and server restart of the AutoML task, with real processes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.airflow_azureml.conftest import TaskContext, connect
from tests.local_server import LocalServer, eventually

from airflow_azureml._waiting import TaskStopped
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from azureml_workspace.statuses import RunStatus
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.integration


@pytest.fixture
def dataset(local_server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    connect(monkeypatch, local_server)
    return register(tmp_path)


def register(folder: Path) -> dict[str, Any]:
    generate_bank_marketing(folder / "bank.csv", rows=300)
    task = AzureMLRegisterDatasetOperator(
        task_id="register_dataset", data=str(folder / "bank.csv"), name="integration-bank", label_column_name="y"
    )
    return task.execute(TaskContext("register_dataset"))  # type: ignore[arg-type]


def automl(dataset: dict[str, Any], name: str, **given: Any) -> AzureMLAutoMLRunOperator:
    arguments: dict[str, Any] = {"experiment_timeout_minutes": 0.2, "poll_seconds": 0.2, "compute_target": name} | given
    return AzureMLAutoMLRunOperator(
        task_id=name, dataset=dataset, label_column_name="y", experiment_name=name, **arguments
    )


def run_id(context: TaskContext) -> str:
    pushed: dict[str, str] = eventually(lambda: context.xcom.get("azureml_run", {}), what="the link")
    return pushed["run_id"]


def test_kill_cancels_the_run(local_server: LocalServer, dataset: dict[str, Any]) -> None:
    workspace, context = local_server.workspace(), TaskContext("kill")
    task = automl(dataset, "kill-task", experiment_timeout_minutes=5)

    def kill_when_running() -> None:
        run = run_id(context)
        eventually(lambda: workspace.get_run(run).status is RunStatus.RUNNING, what="the run")
        task.on_kill()

    killer = threading.Thread(target=kill_when_running)
    killer.start()
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    killer.join()
    eventually(lambda: workspace.get_run(run_id(context)).status.is_terminal, what="the cancellation")
    assert workspace.get_run(run_id(context)).status is RunStatus.CANCELED


def test_a_second_try_takes_up_the_run(
    local_server: LocalServer, dataset: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = TaskContext("retry"), TaskContext("retry")

    def die(*_: object, **__: object) -> None:
        raise MemoryError("the worker is gone")

    with monkeypatch.context() as patch:
        patch.setattr("airflow_azureml.operators._waiting_operator.wait_until", die)
        with pytest.raises(MemoryError):
            automl(dataset, "retry-task").execute(first)  # type: ignore[arg-type]
    result = automl(dataset, "retry-task").execute(second)  # type: ignore[arg-type]
    assert result["run_id"] == run_id(first)
    assert result["model"] == {"name": "retry-task", "version": 1}
    third = automl(dataset, "retry-task").execute(TaskContext("retry"))  # type: ignore[arg-type]
    assert (third["run_id"], third["model"]) == (result["run_id"], result["model"])
    cleared = automl(dataset, "retry-task").execute(TaskContext("retry", max_tries=4))  # type: ignore[arg-type]
    assert cleared["run_id"] != result["run_id"]
    assert cleared["model"] == {"name": "retry-task", "version": 2}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LocalServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = LocalServer(tmp_path / "home", options=("--port", str(port), "--service-ports", "0"))
    try:
        yield server.start()
    finally:
        server.stop()


def test_a_killed_and_restarted_server_is_waited_out(
    own_server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect(monkeypatch, own_server)
    dataset, context = register(tmp_path), TaskContext("restart")

    def kill_and_restart() -> None:
        run = run_id(context)
        workspace = own_server.workspace()
        eventually(lambda: workspace.get_run(run).status is RunStatus.RUNNING, what="the run")
        own_server.kill()
        own_server.start()

    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    result = automl(dataset, "restart-task").execute(context)  # type: ignore[arg-type]
    killer.join()
    assert result["run_id"] == run_id(context)
    assert result["child_runs"] >= 1
