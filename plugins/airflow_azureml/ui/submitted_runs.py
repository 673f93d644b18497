"""Which runs tasks submitted lately, from Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.dag import DagModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_azureml.links import RUN_KEY

if TYPE_CHECKING:
    from datetime import datetime

MOST_RUNS = 50


@dataclass(frozen=True, kw_only=True)
class SubmittedRun:
    """A task's word on a run that it submitted, or waits for. `schedule` is its DAG's, in Airflow's words."""

    run_id: str
    dag_id: str
    dag_run_id: str
    task_id: str
    at: datetime
    schedule: str


def submitted_runs(conn_id: str) -> list[SubmittedRun]:
    """The last ones through that connection, the newest first; each run once."""
    query = (
        select(
            XComModel.dag_id,
            XComModel.run_id,
            XComModel.task_id,
            XComModel.timestamp,
            XComModel.value,
            DagModel.timetable_summary,
        )
        .join(DagModel, DagModel.dag_id == XComModel.dag_id)
        .where(XComModel.key == RUN_KEY)
        .order_by(XComModel.timestamp.desc())
        .limit(4 * MOST_RUNS)
    )
    with create_session() as session:
        rows = session.execute(query).all()
    found: dict[str, SubmittedRun] = {}
    for row in rows:
        given = _plain(row.value)
        run_id = given.get("run_id")
        if given.get("conn_id") == conn_id and isinstance(run_id, str) and run_id not in found:
            found[run_id] = SubmittedRun(
                run_id=run_id,
                dag_id=row.dag_id,
                dag_run_id=row.run_id,
                task_id=row.task_id,
                at=row.timestamp,
                schedule=row.timetable_summary or "none",
            )
    return list(found.values())[:MOST_RUNS]


def _plain(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}
