"""What a task waits for, kept in Airflow's task state store.

The store outlives the process, the tries and a clear. So the process that ends a wait knows what another one began, and
an execution after a clear knows what the one before it left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

STORE_KEY = "azureml_awaited"


@dataclass(frozen=True, kw_only=True)
class Awaited(Record):
    """`target` is a run's id or a service's name. `deadline` is Unix seconds, `limit_seconds` after the wait began.

    `limit` says in words what sets the limit; `memo` is what the result needs beside the target.
    """

    conn_id: str
    target: str
    deadline: float
    limit_seconds: float
    limit: str
    memo: dict[str, Any] = field(default_factory=dict)


def remember(context: Context, awaited: Awaited) -> None:
    """Keep it, in place of what was kept before."""
    context["task_state_store"].set(STORE_KEY, awaited.to_dict())


def recall(context: Context, log: Logger) -> Awaited | None:
    """What was kept last, by this or an earlier execution; None when nothing was, or nothing that is understood."""
    kept = context["task_state_store"].get(STORE_KEY)
    if not isinstance(kept, Mapping):
        return None
    try:
        return Awaited.from_dict(kept)
    except InvalidRequest as error:
        log.warning("What an earlier execution waited for is not understood, and left alone: %s", error)
        return None
