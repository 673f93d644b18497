"""What the pictures show: a real Airflow and local Azure ML, with the Bank Marketing data at work in them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.e2e.drops.backfill import DAG as DROPS_DAG
from tests.e2e.drops.backfill import DAGS, Backfill
from tests.e2e.standalone import Standalone, eventually
from tests.local_server import LocalServer

from mlops_config.drops import PATTERN_VARIABLE

TRAIN_DAG, PUBLISH_DAG = "bank_marketing_train", "bank_marketing_publish_pipeline"
SERVICE, LIVE_SERVICE = "bank-marketing", "bank-marketing-live"
DROPS_DATASET = "bank-marketing-drops"
LABEL = "y"

_FIRST = date(2026, 1, 1)
_DROPS, _ROWS = 6, 2500
_BAD = 3
_MOST_SECONDS = 900.0
_ENDED = ("success", "failed")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where the pages are, and what they are about. `data` is the CSV that was trained on."""

    airflow: Standalone
    server: LocalServer
    folder: Path
    data: Path

    def await_run(self, dag_id: str, run_id: str) -> None:
        """Until the DAG run has ended. :raises AssertionError: it did not end well, or not in time."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}"
        state = eventually(
            lambda: ended if (ended := self.airflow.call("GET", path)["state"]) in _ENDED else None,
            what=f"the end of {run_id}",
            seconds=_MOST_SECONDS,
        )
        assert state == "success", f"{run_id} of {dag_id} has {state}"

    def run_drops(self) -> str:
        """Some days of drops, one of them cut short; then a day that must be better. The id of that last DAG run."""
        keys = [(_FIRST + timedelta(days=day)).isoformat() for day in range(_DROPS)]
        self._write_drops(keys)
        self.airflow.call("PATCH", f"/dags/{DROPS_DAG}", json={"is_paused": False})
        backfill = Backfill(self.airflow.call, keys[:-1])
        backfill.await_end(backfill.start(self._conf(), at_once=1), seconds=_MOST_SECONDS)
        run_id = self.airflow.trigger(DROPS_DAG, **self._conf(drop_key=keys[-1], rule="better"))
        self.await_run(DROPS_DAG, run_id)
        return run_id

    def publish(self) -> None:
        """The training pipeline."""
        self.await_run(PUBLISH_DAG, self.airflow.trigger(PUBLISH_DAG, data_path=str(self.data)))

    def _write_drops(self, keys: list[str]) -> None:
        with self.data.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        (self.folder / "drops").mkdir()
        for number, key in enumerate(keys):
            kept = rows[number * _ROWS : (number + 1) * _ROWS]
            width = len(header) - 2 if number == _BAD else len(header)
            with (self.folder / "drops" / f"{key}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(row[:width] for row in [header, *kept])

    def _conf(self, **more: Any) -> dict[str, Any]:
        quick = {"iterations": 3, "experiment_timeout_minutes": 0.3, "tolerance": 0.05, "cohort_tolerance": None}
        return {"max_p95_ratio": None, **quick, **more}


@contextmanager
def scene_of(data: Path, folder: Path) -> Iterator[Scene]:
    """A running Airflow that knows the DAGs; nothing of it is left afterwards but what is in `folder`."""
    dags = folder / "dags"
    dags.mkdir(parents=True)
    for dag_id in (TRAIN_DAG, DROPS_DAG, PUBLISH_DAG):
        shutil.copy(DAGS / f"{dag_id}.py", dags)
    shown = folder / "bankmarketing_train.csv"
    shutil.copy(data, shown)
    server = LocalServer(folder / "azureml").start()
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    connection = {"conn_type": "azureml", "host": server.url, "extra": extra}
    environment = {
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection),
        PATTERN_VARIABLE: f"{folder}/drops/{{date}}.csv",
    }
    airflow = Standalone(folder / "airflow", dags, environment)
    try:
        airflow.start()
        for dag_id in (TRAIN_DAG, DROPS_DAG, PUBLISH_DAG):
            eventually(lambda dag_id=dag_id: airflow.call("GET", f"/dags/{dag_id}"), what=dag_id, seconds=120)
        yield Scene(airflow=airflow, server=server, folder=folder, data=shown)
    finally:
        airflow.stop()
        server.stop()
