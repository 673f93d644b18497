"""Who may see a page: those whom Airflow lets read the XComs of the DAG, because a page shows what one leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, Query, Request


@dataclass(frozen=True, kw_only=True)
class TaskPlace:
    """A task instance of a DAG whose XComs the caller may read. `map_index` is -1 for a task that is not mapped."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int

    @property
    def query(self) -> dict[str, str]:
        """How a page's address names it."""
        names = {"dag_id": self.dag_id, "dag_run_id": self.dag_run_id, "task_id": self.task_id}
        return names | ({"map_index": str(self.map_index)} if self.map_index >= 0 else {})

    @property
    def path(self) -> str:
        """Its page in Airflow's UI, below the root."""
        dag, run, task = (quote(name, safe="") for name in (self.dag_id, self.dag_run_id, self.task_id))
        mapped = f"/mapped/{self.map_index}" if self.map_index >= 0 else ""
        return f"/dags/{dag}/runs/{run}/tasks/{task}{mapped}"


Name = Annotated[str, Query(min_length=1, max_length=250)]


def task_place(
    request: Request,
    user: GetUserDep,
    *,
    dag_id: Name,
    dag_run_id: Name,
    task_id: Name,
    map_index: Annotated[int, Query(ge=-1)] = -1,
) -> TaskPlace:
    """The task instance that the address names.

    :raises HTTPException: 401 when nobody is signed in, 403 when this user may not read the DAG's XComs.
    """
    # The DAG is given, and not looked up in the address again, so that what is authorised is what is shown.
    requires_access_dag("GET", DagAccessEntity.XCOM, dag_id)(request, user)
    return TaskPlace(dag_id=dag_id, dag_run_id=dag_run_id, task_id=task_id, map_index=map_index)


AuthorisedTask = Annotated[TaskPlace, Depends(task_place)]
