"""Waiting for a run or a service: patience, outages, and the poll loop of a task that waits in its worker."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk.exceptions import AirflowException

from azureml_workspace.errors import InvalidRequest, Throttled, WorkspaceError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

T = TypeVar("T")

ENDED = "ended"
DEADLINE = "deadline"
UNREACHABLE = "unreachable"
REFUSED = "refused"
"""Why a trigger fired: what it waited for is settled; time is up; no answer for longer than the outage grace; an error
that waiting cannot mend."""

TRIGGERER_GRACE_SECONDS = 900.0
"""How long after the deadline a task stays deferred when no triggerer ends the wait."""

MOST_REFUSALS = 3
"""How often a task is deferred anew although the triggerer cannot look; then it waits in its worker."""

_LONGEST_PAUSE_SECONDS = 30.0
_PAUSE_PER_WAITED = 0.1
_JITTER = 0.1
_LONGEST_NAP_SECONDS = 0.5
_BRIEF_OUTAGE_SECONDS = 10.0


class WaitTimeout(AirflowException):
    """The deadline passed. Another try may do better, so Airflow's retries apply."""


class TaskStopped(AirflowException):
    """The task was told to stop while it waited."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """All in seconds: the shortest pause between two looks, the whole wait, and how long the workspace may be
    unreachable.

    `limit` says where the deadline comes from.
    """

    poll: float
    deadline: float
    outage: float
    limit: str = "the deadline for this wait"

    @classmethod
    def without_deadline(cls, poll: float, outage: float) -> Patience:
        """Until the limits are known. :raises InvalidRequest: as `validate`."""
        patience = cls(poll=poll, deadline=math.inf, outage=outage)
        patience.validate()
        return patience

    @property
    def in_brief(self) -> Patience:
        """For a worker that looks on behalf of a wait in the triggerer, which is where outages are borne."""
        return replace(self, outage=min(self.outage, _BRIEF_OUTAGE_SECONDS))

    def validate(self) -> None:
        """:raises InvalidRequest: the pause or the deadline is not above 0, or the outage is negative."""
        if self.poll <= 0 or self.deadline <= 0 or self.outage < 0:
            raise InvalidRequest(
                f"waiting with poll interval {self.poll:g} s, deadline {self.deadline:g} s and outage grace "
                f"{self.outage:g} s cannot work; give an interval and a deadline above 0 and a grace of 0 or more."
            )


def wait_until(
    read: Callable[[], T],
    settled: Callable[[T], bool],
    *,
    what: str,
    patience: Patience,
    log: Logger,
    report: Callable[[T], None] = lambda _seen: None,
    stopped: Callable[[], bool] = lambda: False,
) -> T:
    """Read until what is read is settled, and return that. Each reading goes to `report` first.

    The first is at once; then the pauses are those of `pause_after`.

    :raises WaitTimeout: not settled within the deadline.
    :raises TaskStopped: `stopped` said so.
    :raises WorkspaceError: a retryable one that lasted longer than the outage grace, any other at once.
    """
    started = time.monotonic()
    outage = Outage(patience.outage, what, log)
    while True:
        if stopped():
            raise TaskStopped(f"stopped while waiting for {what}.")
        asked_to_wait = 0.0
        try:
            seen = read()
        except WorkspaceError as error:
            asked_to_wait = outage.bear(error)
        else:
            outage.over()
            report(seen)
            if settled(seen):
                return seen
        waited = time.monotonic() - started
        left = patience.deadline - waited
        if left <= 0:
            raise WaitTimeout(f"{what} was not done after {patience.deadline:.0f} s, {patience.limit}.")
        _sleep(min(max(pause_after(waited, shortest=patience.poll), asked_to_wait), left), stopped)


def pause_after(waited: float, *, shortest: float) -> float:
    """Seconds to the next look: a tenth of the time waited so far, 30 s at most, and never less than `shortest`.

    Up to a tenth longer, so that the looks of many waits spread.
    """
    pause = max(shortest, min(waited * _PAUSE_PER_WAITED, _LONGEST_PAUSE_SECONDS))
    return pause * random.uniform(1, 1 + _JITTER)


class Outage:
    """Consecutive failures to read; repeats count against the grace, so permanent throttling ends too."""

    def __init__(self, grace: float, what: str, log: Logger) -> None:
        self._grace = grace
        self._what = what
        self._log = log
        self._since: float | None = None

    def bear(self, error: WorkspaceError) -> float:
        """Seconds the service asked to wait (0 when it named none). Raises what should not be borne."""
        if not error.retryable:
            raise error
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self._log.warning("%s; waiting for %s goes on for up to %.0f s.", error, self._what, self._grace)
        if now - self._since >= self._grace:
            raise error
        return (error.retry_after or 0.0) if isinstance(error, Throttled) else 0.0

    def over(self) -> None:
        """The workspace answered."""
        if self._since is not None:
            self._log.info("The workspace answers again after %.0f s.", time.monotonic() - self._since)
            self._since = None


def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    """Sleep in naps: a signal handler that returns does not wake a sleeper (PEP 475), so look around now and then."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stopped():
        time.sleep(min(left, _LONGEST_NAP_SECONDS))
