"""Airflow's REST API, signed in as the first login."""

from __future__ import annotations

from typing import Any

import requests
from tests.local_server import eventually

ENDED = frozenset({"success", "failed"})
_UNREACHABLE = (requests.ConnectionError, requests.Timeout)


class AirflowApi:
    """`url` is the API server's."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self._session = requests.Session()
        signed_in = self._session.post(
            f"{url}/auth/token", json={"username": username, "password": password}, timeout=30
        )
        assert signed_in.status_code == 201, signed_in.text
        self._session.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"

    def get(self, path: str) -> Any:
        """What `/api/v2{path}` answers."""
        answer = self._session.get(f"{self.url}/api/v2{path}", timeout=30)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The same with any method."""
        answer = self._session.request(method, f"{self.url}/api/v2{path}", timeout=30, **request)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def await_dag(self, dag_id: str, seconds: float) -> None:
        """Until the DAG is there and runs when it is triggered."""

        def is_there() -> bool:
            answer = self._session.patch(f"{self.url}/api/v2/dags/{dag_id}", json={"is_paused": False}, timeout=30)
            return answer.status_code == 200

        eventually(is_there, seconds=seconds, what=f"DAG {dag_id}")

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run; gives its id."""
        body = {"logical_date": None, "conf": conf}
        answer = self._session.post(f"{self.url}/api/v2/dags/{dag_id}/dagRuns", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """Of the DAG run."""
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """The task instances, by task."""
        found = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def await_end(self, dag_id: str, run_id: str, seconds: float) -> str:
        """The DAG run's last state."""

        def last() -> str | None:
            try:
                state = self.state(dag_id, run_id)
            except _UNREACHABLE:
                return None
            return state if state in ENDED else None

        return eventually(last, seconds=seconds, what=f"the end of {dag_id} {run_id}")

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        """What the UI shows as the log of a try."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        answer = self._session.get(
            f"{self.url}/api/v2{path}?full_content=true", headers={"Accept": "application/x-ndjson"}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return answer.text
