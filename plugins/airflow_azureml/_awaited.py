"""What a task waits for, kept in Airflow's task state store.

The store outlives the process, the tries and a clear. So the process that ends a wait knows what another one began, a
retry takes it up, and an execution after a clear knows what the one before it left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

STORE_KEY = "azureml_awaited"

EXECUTION_TIMEOUT = "the task's execution_timeout"


@dataclass(frozen=True, kw_only=True)
class Limit(Record):
    """`deadline` is Unix seconds, `seconds` after the wait began; `words` say what sets it."""

    deadline: float
    seconds: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Awaited(Record):
    """`target` is a run's id or a service's name; None when it was about to begin, under `submission_key`.

    `limit` is the wait's own, whatever the number of tries. The try `try_number` began at `try_started` (Unix seconds);
    a person's clear raises `max_tries`, a retry does not. `asked` tells whether the task still asks for the same.
    `links` are addresses by the XCom they are shown with. `refusals` counts how often the triggerer could not look
    although the worker could. `metric` names a run's score; `memo` is what the result needs beside the target.
    """

    conn_id: str
    target: str | None
    limit: Limit
    try_number: int
    max_tries: int
    try_started: float
    submission_key: str | None = None
    asked: str = ""
    links: dict[str, str] = field(default_factory=dict)
    refusals: int = 0
    metric: str = "score"
    memo: dict[str, Any] = field(default_factory=dict)

    def nearest_limit(self, execution_timeout: timedelta | None) -> Limit:
        """The nearer of two: the wait's own, and `execution_timeout` from the start of the try.

        Airflow bounds with the latter only each stretch in a worker, not the time deferred.
        """
        if execution_timeout is None:
            return self.limit
        seconds = execution_timeout.total_seconds()
        of_the_try = Limit(deadline=self.try_started + seconds, seconds=seconds, words=EXECUTION_TIMEOUT)
        return min(self.limit, of_the_try, key=lambda limit: limit.deadline)


def fingerprint(asked: object) -> str:
    """Short text that is the same for the same arguments."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


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
