"""What the triggers share: looks at something again and again until it is settled or the deadline passes."""

from __future__ import annotations

import asyncio
import random
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_azureml._waiting import DEADLINE, ENDED, REFUSED, UNREACHABLE, Outage
from airflow_azureml.triggers._workspaces import SharedWorkspace, shared_workspace
from azureml_workspace.errors import WorkspaceError

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

T = TypeVar("T")

_LONGEST_PAUSE_SECONDS = 30.0
_PAUSE_PER_WAITED = 0.1
_JITTER = 0.1


class PollingTrigger(BaseTrigger, Generic[T]):
    """Fires one event, `{"status", "message", ...}`, and is done.

    The event only wakes the task up, which looks again itself. Its status is one of those in `_waiting`.

    The first look is at once. The pause to the next grows to a tenth of the time waited so far, 30 s at most, so many
    long waits cost little; it is never shorter than `poll_seconds`, and up to a tenth longer so that looks spread.

    :param conn_id: connection of type `azureml`.
    :param deadline: Unix seconds; absolute, so that a restart of the triggerer does not extend the wait.
    :param poll_seconds: the shortest pause between two looks.
    :param outage_seconds: how long the workspace may be unreachable.
    """

    def __init__(self, *, conn_id: str, deadline: float, poll_seconds: float, outage_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.deadline = deadline
        self.poll_seconds = poll_seconds
        self.outage_seconds = outage_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where the class is, and its arguments: names and numbers, never a secret."""
        given = {
            "conn_id": self.conn_id,
            "deadline": self.deadline,
            "poll_seconds": self.poll_seconds,
            "outage_seconds": self.outage_seconds,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", given | self.own_arguments()

    @abstractmethod
    def own_arguments(self) -> dict[str, Any]:
        """What the subclass takes beside the common arguments."""

    @property
    @abstractmethod
    def what(self) -> str:
        """What is waited for, in words."""

    @abstractmethod
    def look(self, workspace: Workspace) -> T:
        """One look; called in a thread, with a short request or two."""

    @abstractmethod
    def is_settled(self, seen: T) -> bool:
        """Whether there is nothing to wait for any more."""

    @abstractmethod
    def report(self, seen: T) -> None:
        """Log what is new."""

    @abstractmethod
    def facts(self, seen: T | None) -> dict[str, Any]:
        """What the event says about it; `seen` is None when no look succeeded."""

    async def on_deadline(self) -> None:
        """Time is up."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire."""
        status, message, seen = await self._wait()
        yield TriggerEvent({"status": status, "message": message, **self.facts(seen)})  # type: ignore[no-untyped-call]

    async def _wait(self) -> tuple[str, str, T | None]:
        outage = Outage(self.outage_seconds, self.what, self.log)
        started = time.monotonic()
        workspace: SharedWorkspace | None = None
        seen: T | None = None
        while True:
            pause = _pause(self.poll_seconds, time.monotonic() - started)
            try:
                workspace = workspace or await shared_workspace(self.conn_id)
                seen = await workspace.call(self.look)
            except WorkspaceError as error:
                try:
                    pause = max(pause, outage.bear(error))
                except WorkspaceError:
                    return (UNREACHABLE if error.retryable else REFUSED), f"{type(error).__name__}: {error}", seen
            except AirflowNotFoundException as error:
                return REFUSED, str(error), seen
            else:
                outage.over()
                self.report(seen)
                if self.is_settled(seen):
                    return ENDED, f"{self.what} is settled.", seen
            left = self.deadline - time.time()
            if left <= 0:
                await self.on_deadline()
                return DEADLINE, f"{self.what} was not done in time.", seen
            await asyncio.sleep(min(pause, left))


def _pause(shortest: float, waited: float) -> float:
    """Seconds to the next look."""
    pause = max(shortest, min(waited * _PAUSE_PER_WAITED, _LONGEST_PAUSE_SECONDS))
    return pause * random.uniform(1, 1 + _JITTER)
