"""Which drop a task is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_drops.pattern import DropPattern

LATEST = "latest"

_HOW_TO_NAME = "set drop_key (in the trigger form, or with `--conf` of `airflow dags trigger`) to a key or to 'latest'"


def drop_key_of(value: Any, pattern: DropPattern, context: Context) -> str:
    """The key that was given, `latest` as such; else the DAG run's partition key; else the day its data begins with.

    :raises InvalidRequest: none of them is there; says what to set.
    """
    given = arguments.optional(arguments.text, "drop_key", value)
    if given is not None:
        return LATEST if given.lower() == LATEST else given
    run = context.get("dag_run")
    partition = getattr(run, "partition_key", None)
    if partition:
        return str(partition)
    start = context.get("data_interval_start")
    if start is not None and pattern.is_dated:
        return str(start.date().isoformat())
    if start is not None:
        raise InvalidRequest(
            f"drop_key is not set, and the drops at {pattern.text} are not named by dates, so the date of this run "
            f"says nothing; {_HOW_TO_NAME}."
        )
    raise InvalidRequest(
        f"drop_key is not set, and this run has no data interval to take a date from (it was started by hand or by an "
        f"event); {_HOW_TO_NAME}, or give the run a logical date."
    )
