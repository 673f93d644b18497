"""Who may see a page, and which parts of it.

A page shows what the XComs of a task lead to, so it is for those whom Airflow lets read them; the logs in it are for
those whom Airflow lets read the logs of the DAG's tasks.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Query, Request

from airflow_azureml.ui.places import RunPlace, TaskPlace

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
    return TaskPlace(
        dag_id=dag_id,
        dag_run_id=dag_run_id,
        task_id=task_id,
        map_index=map_index,
        reads_logs=_may_read_logs(request, user, dag_id),
    )


def run_place(request: Request, user: GetUserDep, *, dag_id: Name, dag_run_id: Name) -> RunPlace:
    """The DAG run that the address names. :raises HTTPException: as for `task_place`."""
    requires_access_dag("GET", DagAccessEntity.XCOM, dag_id)(request, user)
    return RunPlace(dag_id=dag_id, dag_run_id=dag_run_id, reads_logs=_may_read_logs(request, user, dag_id))


def _may_read_logs(request: Request, user: GetUserDep, dag_id: str) -> bool:
    try:
        requires_access_dag("GET", DagAccessEntity.TASK_LOGS, dag_id)(request, user)
    except HTTPException as error:
        if error.status_code == HTTPStatus.FORBIDDEN:
            return False
        raise
    return True


AuthorisedTask = Annotated[TaskPlace, Depends(task_place)]
AuthorisedRun = Annotated[RunPlace, Depends(run_place)]
