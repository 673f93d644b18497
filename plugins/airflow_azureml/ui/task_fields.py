"""The arguments of a task, from what Airflow keeps of it: nobody writes there but the task itself and its DAG file.

XComs are no source for this: Airflow's API takes any XCom from whoever may write those of the DAG.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.exceptions import TaskNotFound
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_azureml.ui.troubles import Trouble

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from airflow_azureml.ui.places import TaskPlace

CONN_ID = "azureml_conn_id"
_TEMPLATE_SIGNS = ("{{", "{%")


@dataclass(frozen=True, kw_only=True)
class TaskFields:
    """Template fields of the task instance `task`, by name.

    As they were rendered; as the DAG file has them when Airflow has dropped those (it keeps them for the last DAG runs
    only). Then a field that is a template is absent.
    """

    task: TaskPlace
    values: Mapping[str, Any]

    @classmethod
    def of(cls, task: TaskPlace) -> TaskFields:
        """Ask Airflow's database."""
        with create_session() as session:
            rendered = session.scalar(
                select(RenderedTaskInstanceFields.rendered_fields).where(
                    RenderedTaskInstanceFields.dag_id == task.dag_id,
                    RenderedTaskInstanceFields.task_id == task.task_id,
                    RenderedTaskInstanceFields.run_id == task.dag_run_id,
                    RenderedTaskInstanceFields.map_index == task.map_index,
                )
            )
            return cls(task=task, values=_written(task, session) if rendered is None else rendered)

    @property
    def conn_id(self) -> str:
        """The connection that the task uses. :raises Trouble:"""
        conn_id = self.values.get(CONN_ID)
        if isinstance(conn_id, str) and conn_id:
            return conn_id
        raise Trouble(
            HTTPStatus.NOT_FOUND,
            "Airflow does not know any more what this task did",
            f"Airflow has no {CONN_ID} of task {self.task.task_id} of {self.task.dag_id}, run {self.task.dag_run_id}.",
            "It keeps the arguments of tasks for the last DAG runs only, as many as the setting [core] "
            "num_dag_runs_to_retain_rendered_fields says; or this is not a task of Azure ML, or has not begun yet.",
        )


def _written(task: TaskPlace, session: Session) -> dict[str, Any]:
    dag = SerializedDagModel.get_dag(task.dag_id, session=session)
    if dag is None:
        return {}
    try:
        written = dag.get_task(task.task_id)
    except TaskNotFound:
        return {}
    given = getattr(written, "partial_kwargs", None) or vars(written)
    fields = {name: given[name] for name in written.template_fields if name in given}
    return {name: value for name, value in fields.items() if isinstance(value, str) and not _is_template(value)}


def _is_template(value: str) -> bool:
    return any(sign in value for sign in _TEMPLATE_SIGNS)
