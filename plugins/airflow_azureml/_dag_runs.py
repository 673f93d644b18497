"""DAG runs by the name under which the workspace's documents know them: `dag_id/run_id`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.exceptions import AirflowRuntimeError

if TYPE_CHECKING:
    from airflow.sdk import Context

_AT_WORK = frozenset({"queued", "running"})


def name_of_run(context: Context) -> str:
    """The DAG run that a task is part of."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}"


def is_at_work(context: Context, name: str) -> bool | None:
    """Whether that DAG run goes on; None when this Airflow does not tell, as of a run of another one."""
    dag_id, _, run_id = name.partition("/")
    try:
        state = context["ti"].get_dagrun_state(dag_id=dag_id, run_id=run_id)
    except (AirflowRuntimeError, ServerResponseError):  # the latter is what `airflow dags test` lets through
        return None
    return str(getattr(state, "value", state)) in _AT_WORK
