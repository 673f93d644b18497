"""What Airflow knows of a DAG run: its tasks, and what they wrote down. Read from Airflow's database."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_azureml.links import RUN_KEY
from airflow_azureml.ui.places import TaskPlace
from airflow_azureml.ui.troubles import Trouble
from airflow_azureml.ui.views.steps import RunStory, Step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from airflow_azureml.ui.places import RunPlace

RETURN_VALUE = "return_value"
MOST_TASKS = 500


def read_story(place: RunPlace) -> RunStory:
    """The DAG run with its task instances, those that began first in front. :raises Trouble: there is no such run."""
    with create_session() as session:
        run = session.execute(
            select(DagRun.state, DagRun.start_date, DagRun.end_date, DagRun.logical_date).where(
                DagRun.dag_id == place.dag_id, DagRun.run_id == place.dag_run_id
            )
        ).one_or_none()
        if run is None:
            raise Trouble(
                HTTPStatus.NOT_FOUND,
                "There is no such DAG run",
                f"Airflow has no run {place.dag_run_id} of DAG {place.dag_id}.",
                "It was deleted, or the address is not complete.",
            )
        steps = _steps(session, place)
    return RunStory(
        dag_id=place.dag_id,
        dag_run_id=place.dag_run_id,
        state=str(run.state),
        started_at=run.start_date,
        ended_at=run.end_date,
        steps=steps,
    )


def _steps(session: Session, place: RunPlace) -> tuple[Step, ...]:
    instances = session.execute(
        select(
            TaskInstance.task_id,
            TaskInstance.map_index,
            TaskInstance.state,
            TaskInstance.start_date,
            TaskInstance.end_date,
            TaskInstance.try_number,
        )
        .where(TaskInstance.dag_id == place.dag_id, TaskInstance.run_id == place.dag_run_id)
        .limit(MOST_TASKS)
    ).all()
    depths = _depths(session, place.dag_id)
    found = {
        (row.task_id, row.map_index): Step(
            task=TaskPlace(
                dag_id=place.dag_id,
                dag_run_id=place.dag_run_id,
                task_id=row.task_id,
                map_index=row.map_index,
                reads_logs=place.reads_logs,
            ),
            state=row.state or "none",
            started_at=row.start_date,
            ended_at=row.end_date,
            tries=row.try_number or 0,
            depth=depths.get(row.task_id, 0),
        )
        for row in instances
    }
    for task_id, map_index, key, value in _written(session, place):
        step = found.get((task_id, map_index))
        if step is not None:
            change = {"submitted": _plain(value)} if key == RUN_KEY else {"result": _plain(value)}
            found[task_id, map_index] = replace(step, **change)
    return tuple(sorted(found.values(), key=lambda step: step.order))


def _depths(session: Session, dag_id: str) -> dict[str, int]:
    """How many tasks come before each: a task has more of them than any of those."""
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    return {} if dag is None else {task.task_id: len(task.get_flat_relative_ids(upstream=True)) for task in dag.tasks}


def _written(session: Session, place: RunPlace) -> list[tuple[str, int, str, Any]]:
    rows = session.execute(
        select(XComModel.task_id, XComModel.map_index, XComModel.key, XComModel.value).where(
            XComModel.dag_id == place.dag_id,
            XComModel.run_id == place.dag_run_id,
            XComModel.key.in_((RUN_KEY, RETURN_VALUE)),
        )
    ).all()
    return [(row.task_id, row.map_index, row.key, row.value) for row in rows]


def _plain(value: Any) -> Any:
    """As plain JSON, None when it is none. No class named in it is ever made."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None
