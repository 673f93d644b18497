"""The submission key: what makes a second try of a task find the first try's run, and tells whose a run is."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_workspace.records import Record


def submission_key(context: Context, settings: Record) -> str:
    """A key of the task instance and of what it asks for; the number of the try is no part of it.

    `max_tries` is: Airflow raises it when a person clears the task (`clear_task_instances`) and leaves it alone when it
    retries, so a task that is cleared runs again, and a second try takes up what the first one submitted. It leaves it
    alone too when a task is cleared that runs: stopping that cancels the run, and a key finds no cancelled run.
    """
    ti = context["ti"]
    mark = task_mark(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
    return f"{mark}{_digest(ti.max_tries, settings.to_dict())}"


def task_mark(dag_id: str, run_id: str, task_id: str, map_index: int | None) -> str:
    """How every key of the task instance begins, and no other's: a run shows by it that this task submitted it."""
    return f"airflow-{_digest(dag_id, run_id, task_id, -1 if map_index is None else map_index)}-"


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
