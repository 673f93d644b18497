"""A backfill over Airflow's REST interface, followed to its end."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.e2e.standalone import Standalone
from tests.local_server import LocalServer

DAGS = Path(__file__).parents[3] / "dags"
DAG = "bank_marketing_drops"
_LOOK_SECONDS = 1.0

Call = Callable[..., Any]
"""`call("GET", path, json=..., params=...)`: what `/api/v2{path}` answers."""


@dataclass(frozen=True)
class Backfill:
    """One backfill of the drops DAG over some days."""

    call: Call
    keys: Sequence[str]

    def start(self, conf: dict[str, Any], *, backwards: bool = False, again: bool = False, at_once: int = 4) -> int:
        """Its id. `again` runs the days anew that were run before."""
        created = self.call(
            "POST",
            "/backfills",
            json={
                "dag_id": DAG,
                "from_date": f"{self.keys[0]}T00:00:00Z",
                "to_date": f"{self.keys[-1]}T00:00:00Z",
                "run_backwards": backwards,
                "max_active_runs": at_once,
                "reprocess_behavior": "completed" if again else "none",
                "dag_run_conf": conf,
            },
        )
        return int(created["id"])

    def running(self) -> int:
        """The id of the latest one, for a backfill that the command line made."""
        found = self.call("GET", "/backfills", params={"dag_id": DAG})["backfills"]
        return int(max(each["id"] for each in found))

    def await_end(self, backfill_id: int, *, seconds: float, look: Callable[[], None] = lambda: None) -> None:
        """Until every one of its DAG runs has ended. `look` is called in between."""
        deadline = time.monotonic() + seconds
        while self.call("GET", f"/backfills/{backfill_id}")["completed_at"] is None:
            assert time.monotonic() < deadline, f"not over within {seconds:g} s: {Counter(self.states().values())}"
            look()
            time.sleep(_LOOK_SECONDS)

    def states(self) -> dict[str, str]:
        """State of the DAG run of each day."""
        runs = self.call("GET", f"/dags/{DAG}/dagRuns", params={"limit": 100, "run_type": "backfill"})["dag_runs"]
        return {run["logical_date"][:10]: run["state"] for run in runs}

    def last_end(self) -> datetime:
        """When the last DAG run ended. The backfill itself is called completed up to half a minute later."""
        runs = self.call("GET", f"/dags/{DAG}/dagRuns", params={"limit": 100, "run_type": "backfill"})["dag_runs"]
        return max(datetime.fromisoformat(run["end_date"]) for run in runs)

    def tasks(self, day: str) -> dict[str, str]:
        """State of each task of a day."""
        runs = self.call("GET", f"/dags/{DAG}/dagRuns", params={"limit": 100, "run_type": "backfill"})["dag_runs"]
        (run,) = [run["dag_run_id"] for run in runs if run["logical_date"][:10] == day]
        tasks = self.call("GET", f"/dags/{DAG}/dagRuns/{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}


def backfill_conf(pattern: str, *, dataset: str, service: str, label: str) -> dict[str, Any]:
    """Params with which a day takes seconds: one quick model of one small drop, judged by its figures alone."""
    return {
        "drops": pattern,
        "label": label,
        "dataset_name": dataset,
        "experiment_name": dataset,
        "service_name": service,
        "window": "1",
        "allowed_models": ["LogisticRegression"],
        "iterations": 1,
        "experiment_timeout_minutes": 0.5,
        "rule": "point",
        "tolerance": 0.2,
        "cohort_tolerance": None,
        "max_p95_ratio": None,
        "min_holdout_rows": 10,
        "gate_requests": 20,
        "compute_target": "backfill",
        "max_nodes": 2,
    }


def airflow_with_drops(folder: Path, server: LocalServer) -> Standalone:
    """An Airflow that is not started yet, with the drops DAG and nothing else."""
    dags = folder / "dags"
    dags.mkdir()
    shutil.copy(DAGS / f"{DAG}.py", dags)
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    environment = {
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps({"conn_type": "azureml", "host": server.url, "extra": extra}),
        # A worker that is killed is noticed within half a minute.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "False",
    }
    return Standalone(folder / "airflow", dags, environment, parallelism=6)
