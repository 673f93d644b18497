"""Whether the task that a trigger waits for is still deferred."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.utils.state import TaskInstanceState

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger


async def is_still_deferred(trigger: BaseTrigger) -> bool:
    """Also true when Airflow does not tell: what is in doubt is left alone."""
    ti = trigger.task_instance
    if ti is None:
        return False
    try:
        states = await asyncio.to_thread(
            RuntimeTaskInstance.get_task_states,
            dag_id=ti.dag_id,
            task_ids=[ti.task_id],
            run_ids=[ti.run_id],
            map_index=ti.map_index,
        )
    except AirflowRuntimeError as error:
        trigger.log.warning("Airflow does not tell the state of the task: %s", error)
        return True
    found = [state for by_task in states.values() for state in by_task.values()]
    return TaskInstanceState.DEFERRED in found
