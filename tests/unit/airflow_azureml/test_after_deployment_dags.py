"""The DAGs that watch the service and score files: their schedule, form and wiring."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from mlops_config import batch_scoring, monitoring
from mlops_config.drops import DROPS

pytestmark = pytest.mark.unit

DAGS = Path(__file__).parents[3] / "dags"
MONITOR, BATCH = "bank_marketing_monitor", "bank_marketing_batch_score"


def parse(dag_id: str) -> DAG:
    bag = DagBag(dag_folder=str(DAGS / f"{dag_id}.py"))
    assert bag.import_errors == {}
    return bag.dags[dag_id]


def timetable(dag: DAG) -> Any:
    return DagSerialization.to_dict(dag)["dag"]["timetable"]["__var"]


@pytest.mark.parametrize("dag_id", [MONITOR, BATCH])
def test_both_start_paused_on_the_service_that_the_drops_promote_to(dag_id: str) -> None:
    dag = parse(dag_id)
    assert (dag.catchup, dag.is_paused_upon_creation) == (False, True)
    assert dag.params["service_name"] == DROPS.service_name
    assert DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag)))).task_dict
    assert dag.doc_md
    assert all(task.retries >= 1 for task in dag.tasks)


def test_a_look_leads_to_training_only_when_it_asked_for_it() -> None:
    dag = parse(MONITOR)
    assert dag.get_task("monitor").downstream_task_ids == {"retraining_is_asked_for"}
    assert dag.get_task("retraining_is_asked_for").downstream_task_ids == {"retrain"}
    assert (dag.max_active_runs, timetable(dag)["expression"]) == (1, "0 */6 * * *")
    assert dag.params["retrain_conf"] == {"drop_key": "latest", "force": True}


def test_what_is_triggered_has_the_params_that_it_is_given() -> None:
    dag = parse(MONITOR)
    training = parse(dag.params["retrain_dag_id"])
    for name, value in dag.params["retrain_conf"].items():
        training.params.get_param(name).resolve(value)


def test_a_day_is_scored_on_the_day_after() -> None:
    dag = parse(BATCH)
    assert timetable(dag)["expression"] == "0 3 * * *"
    assert dag.params["drop_key"] is None


@pytest.mark.parametrize(
    ("dag_id", "name", "value"),
    [
        (MONITOR, "min_rows", 5),
        (MONITOR, "window_hours", 0),
        (MONITOR, "min_metric", 2),
        (MONITOR, "cooldown_hours", -1),
        (BATCH, "rows", ""),
        (BATCH, "service_name", "No Service"),
    ],
)
def test_the_form_refuses(dag_id: str, name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        parse(dag_id).params.get_param(name).resolve(value)


@pytest.mark.parametrize(
    ("dag_id", "variable"),
    [(MONITOR, monitoring.SCHEDULE_VARIABLE), (BATCH, batch_scoring.SCHEDULE_VARIABLE)],
)
def test_no_schedule(dag_id: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "none")
    assert runpy.run_path(str(DAGS / f"{dag_id}.py"))["schedule"] is None


def test_the_environment_says_where_rows_are_and_answers_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(batch_scoring.PATTERN_VARIABLE, "/in/{date}.csv")
    monkeypatch.setenv(batch_scoring.OUTPUT_VARIABLE, "/out")
    dag = parse(BATCH)
    assert (dag.params["rows"], dag.params["output_folder"]) == ("/in/{date}.csv", "/out")
