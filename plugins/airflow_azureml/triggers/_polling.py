"""What the triggers share: looks at something again and again until it is settled or the deadline passes."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_azureml._waiting import DEADLINE, ENDED, REFUSED, UNREACHABLE, Outage, pause_after
from airflow_azureml.triggers._workspaces import SharedWorkspace, shared_workspace
from azureml_workspace.errors import ServiceUnavailable, Unauthorized, WorkspaceError

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

T = TypeVar("T")

_LAST_LOOK_SECONDS = 5.0
"""A look at the deadline may take so long, and so may what is done then."""


class PollingTrigger(BaseTrigger, Generic[T]):
    """Fires one event, `{"status", "message", ...}`, and is done.

    The event only wakes the task up, which looks again itself. Its status is one of those in `_waiting`.

    The first look is at once. The pauses are those of `pause_after`, so many long waits cost little.

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
        self._workspace: SharedWorkspace | None = None
        self._stale: SharedWorkspace | None = None

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
        """One look, of a short request or two; called in a thread, where nothing may be waited for."""

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
        seen: T | None = None
        renewed = False
        while True:
            pause = pause_after(time.monotonic() - started, shortest=self.poll_seconds)
            try:
                seen = await self._look_in_time()
            except Unauthorized as error:
                if renewed:
                    return REFUSED, _told(error), seen
                renewed = True
                self.log.warning("%s Looking again with the connection as it is now.", error)
                self._stale, self._workspace = self._workspace, None
                continue
            except WorkspaceError as error:
                try:
                    pause = max(pause, outage.bear(error))
                except WorkspaceError:
                    return (UNREACHABLE if error.retryable else REFUSED), _told(error), seen
            else:
                outage.over()
                renewed = False
                self.report(seen)
                if self.is_settled(seen):
                    return ENDED, f"{self.what} is settled.", seen
            left = self.deadline - time.time()
            if left <= 0:
                await self._end_at_deadline()
                return DEADLINE, f"{self.what} was not done in time.", seen
            await asyncio.sleep(min(pause, left))

    async def _look_in_time(self) -> T:
        """One look that ends by the deadline, however long the workspace hangs, and the looks of others before it.

        :raises WorkspaceError: also when Airflow does not give the connection, which may pass.
        """
        try:
            return await asyncio.wait_for(self._look(), max(self.deadline - time.time(), _LAST_LOOK_SECONDS))
        except TimeoutError as error:
            raise ServiceUnavailable(f"the workspace told nothing of {self.what} until the deadline.") from error
        except AirflowNotFoundException as error:
            raise ServiceUnavailable(str(error)) from error

    async def _look(self) -> T:
        if self._workspace is None:
            self._workspace = await shared_workspace(self.conn_id, instead_of=self._stale)
        return await self._workspace.call(self.look)

    async def _end_at_deadline(self) -> None:
        try:
            await asyncio.wait_for(self.on_deadline(), _LAST_LOOK_SECONDS)
        except TimeoutError:
            self.log.warning("The workspace hangs; the task sees to the end of %s.", self.what)


def _told(error: WorkspaceError) -> str:
    return f"{type(error).__name__}: {error}"
