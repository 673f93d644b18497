"""Operators with the real hook, against the real local server."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported
from tests.local_server import LocalServer

# isort: split
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance


class TaskContext(dict[str, Any]):
    """What an operator reads of Airflow's context; `xcom` is what it pushed."""

    def __init__(self, task_id: str, max_tries: int = 2) -> None:
        self.xcom: dict[str, Any] = {}
        ti = SimpleNamespace(
            dag_id="integration",
            run_id="manual__1",
            task_id=task_id,
            map_index=-1,
            try_number=1,
            max_tries=max_tries,
            xcom_push=self._push,
        )
        super().__init__(ti=ti, task_state_store=TaskStateStore())

    def _push(self, *, key: str, value: Any) -> None:
        self.xcom[key] = value


class TaskStateStore(dict[str, Any]):
    """Airflow's, which outlives the tries and clears of a task."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


def connect(monkeypatch: pytest.MonkeyPatch, server: LocalServer) -> None:
    """Point the default connection at the server, as `make run` does."""
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    connection = {"conn_type": "azureml", "host": server.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(connection))


@pytest.fixture(autouse=True)
def _marked_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Airflow says of a task that was stopped."""
    states = {"manual__1": {"task": "failed"}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **_asked: states)


@pytest.fixture(autouse=True)
def _called_by_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow warns when `execute` is called by anyone but its task runner."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
