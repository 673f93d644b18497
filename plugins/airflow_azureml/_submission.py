"""The submission key: what makes a second try of a task find the first try's run."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_workspace.records import Record


def submission_key(context: Context, settings: Record) -> str:
    """A key of the task instance and of what it asks for; the number of the try is no part of it.

    `max_tries` is: Airflow raises it when a person clears the task (`clear_task_instances`) and leaves it alone when it
    retries, so a task that is cleared runs again, and a second try takes up what the first one submitted.
    """
    ti = context["ti"]
    map_index = -1 if ti.map_index is None else ti.map_index
    parts = [ti.dag_id, ti.run_id, ti.task_id, map_index, ti.max_tries, settings.to_dict()]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"airflow-{digest[:40]}"
