"""What a task submitted, from its XCom in Airflow's database, and the workspace that it was submitted to.

The address of a page names only the task instance. Which connection and which run are shown is what that task wrote
down, so a page reads nothing that its DAG did not make.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.links import PIPELINE_KEY, RUN_KEY
from airflow_azureml.ui.access import TaskPlace
from airflow_azureml.ui.troubles import Trouble
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class SubmittedRun(Record):
    """The XCom under `RUN_KEY`."""

    conn_id: str
    run_id: str

    @classmethod
    def of(cls, task: TaskPlace) -> SubmittedRun:
        """The run that the task instance submitted in its last try. :raises Trouble: there is none."""
        return _record(cls, task, RUN_KEY, "run")


@dataclass(frozen=True, kw_only=True)
class ShownPipeline(Record):
    """The XCom under `PIPELINE_KEY`."""

    conn_id: str
    pipeline_id: str

    @classmethod
    def of(cls, task: TaskPlace) -> ShownPipeline:
        """The pipeline that the task instance published or found. :raises Trouble: there is none."""
        return _record(cls, task, PIPELINE_KEY, "pipeline")


def hook_of(conn_id: str) -> AzureMLHook:
    """The connection, read by the API server itself."""
    return AzureMLHook(conn_id)


def _record(kind: type[R], task: TaskPlace, key: str, what: str) -> R:
    value = _xcom(task, key)
    try:
        if isinstance(value, dict):
            return kind.from_dict(value)
    except InvalidRequest:
        value = None
    raise Trouble(
        HTTPStatus.NOT_FOUND,
        f"This task has no Azure ML {what}",
        f"Task {task.task_id} of {task.dag_id}, run {task.dag_run_id}, has written down no {what} ({key} in XCom).",
        "It has not come so far yet, it was cleared and starts anew, or its XComs were deleted.",
    )


def _xcom(task: TaskPlace, key: str) -> Any:
    """The value as plain JSON, None when there is none. No class named in it is ever made."""
    query = XComModel.get_many(
        run_id=task.dag_run_id,
        key=key,
        task_ids=task.task_id,
        dag_ids=task.dag_id,
        map_indexes=task.map_index,
        limit=1,
    ).with_only_columns(XComModel.value)
    with create_session() as session:
        value = session.execute(query).scalar()
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None
