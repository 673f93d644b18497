"""Whether anybody goes on waiting for what a task has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.utils.state import TaskInstanceState

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_ABANDONED = frozenset(
    {
        None,  # cleared, and not scheduled yet
        TaskInstanceState.FAILED,
        TaskInstanceState.SUCCESS,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
        TaskInstanceState.RESTARTING,  # cleared while it ran
    }
)
"""In any other state a process waits for the run, or one will that finds it in the task state store."""


def is_abandoned(ti: Any, log: Logger) -> bool:
    """Whether a person, or Airflow, has done with the task; also when it is not there any more.

    False when Airflow does not say: what is in doubt is left alone. Asks Airflow, so not for a signal handler.
    """
    try:
        states = RuntimeTaskInstance.get_task_states(
            dag_id=ti.dag_id,
            task_ids=[ti.task_id],
            run_ids=[ti.run_id],
            map_index=-1 if ti.map_index is None else ti.map_index,
        )
    except (AirflowRuntimeError, OSError, EOFError) as error:
        log.warning("Airflow does not tell the state of the task: %s", error)
        return False
    found = [state for by_task in states.values() for state in by_task.values()]
    return all(state in _ABANDONED for state in found)


def has_tries_left(ti: Any) -> bool:
    """Whether Airflow tries the task again when this try fails."""
    return bool(ti.max_tries) and ti.try_number <= ti.max_tries
