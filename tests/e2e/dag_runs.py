"""Runs of the project's DAGs in real Airflow, each in a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import DAGS, Airflow

RUN_DAG = Path(__file__).with_name("run_dag.py")


@dataclass(frozen=True)
class Ran:
    """A finished DAG run: what `run_dag.py` wrote, and everything that was printed."""

    state: str
    tasks: dict[str, str]
    xcom: dict[str, dict[str, Any]]
    events: list[dict[str, Any]]
    log: str

    def result(self, task_id: str) -> dict[str, Any]:
        result: dict[str, Any] = self.xcom[task_id]["return_value"]
        return result


def run_dag(airflow: Airflow, dag_id: str, folder: Path, **conf: object) -> Ran:
    """Run the DAG with those params and wait for its end. `folder` is for what is written on the way."""
    out = folder / f"{dag_id}.json"
    out.unlink(missing_ok=True)
    done = airflow.python(RUN_DAG, str(DAGS / f"{dag_id}.py"), json.dumps(conf), str(out), seconds=240)
    assert out.exists(), done.stdout
    content = json.loads(out.read_text())
    return Ran(
        state=content["state"],
        tasks=content["tasks"],
        xcom=content["xcom"],
        events=content["events"],
        log=done.stdout,
    )
