"""What a task submitted or published.

The address of a page names only the task instance, and the task's XCom says which run or pipeline it is. Whoever may
write XComs may change that, so it is only believed of what shows itself that it is this task's: a run by its submission
key, which begins with the task's mark; a pipeline by its name, and the run that a sensor waits for by its id, which
are arguments of the task. The connection is an argument of the task, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from airflow_azureml._submission import task_mark
from airflow_azureml.links import PIPELINE_KEY, RUN_KEY
from airflow_azureml.ui.places import TaskPlace
from airflow_azureml.ui.task_fields import TaskFields
from airflow_azureml.ui.troubles import Trouble

if TYPE_CHECKING:
    from azureml_workspace.records import PublishedPipeline, Run


def run_id_of(task: TaskPlace) -> str:
    """The run that the task says it submitted, or waits for. :raises Trouble: it says nothing."""
    return _written_down(task, RUN_KEY, "run_id", "run")


def pipeline_id_of(task: TaskPlace) -> str:
    """The pipeline that the task says it published or found. :raises Trouble: it says nothing."""
    return _written_down(task, PIPELINE_KEY, "pipeline_id", "pipeline")


def require_own_run(fields: TaskFields, run: Run) -> None:
    """:raises Trouble: the task neither submitted this run nor was given it."""
    task = fields.task
    mark = task_mark(task.dag_id, task.dag_run_id, task.task_id, task.map_index)
    given = fields.values.get("run")
    if isinstance(given, Mapping):
        given = given.get("run_id")
    if not (run.submission_key or "").startswith(mark) and given != run.run_id:
        raise no_such(task, "run")


def require_own_pipeline(fields: TaskFields, pipeline: PublishedPipeline) -> None:
    """:raises Trouble: the task was not to publish a pipeline of this name."""
    if fields.values.get("name") != pipeline.name:
        raise no_such(fields.task, "pipeline")


def no_such(task: TaskPlace, what: str) -> Trouble:
    """The same for what is another's and for what is not there, so that nobody learns what there is."""
    return Trouble(
        HTTPStatus.NOT_FOUND,
        f"The workspace has no such {what} of this task",
        f"The {what} that the XCom of task {task.task_id} of {task.dag_id}, run {task.dag_run_id}, names is not in the "
        "workspace of the task's connection, or is not this task's.",
        "It was deleted, the connection points at another workspace than when the task ran, the XCom was changed, or "
        "Airflow has dropped the arguments of so old a run.",
    )


def _written_down(task: TaskPlace, key: str, field: str, what: str) -> str:
    value = _xcom(task, key)
    found = value.get(field) if isinstance(value, Mapping) else None
    if isinstance(found, str) and found:
        return found
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
