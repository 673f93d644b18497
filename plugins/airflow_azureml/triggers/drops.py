"""The watcher: tells Airflow that drops are there which nobody has brought to an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_azureml._drop_storage import storage_of
from airflow_azureml.triggers._workspaces import SharedWorkspace, shared_workspace
from azureml_drops.finding import FoundDrop, find_drops
from azureml_drops.pattern import DropPattern
from azureml_drops.pending import LedgerView
from azureml_workspace.errors import InvalidRequest, Unauthorized, WorkspaceError
from azureml_workspace.records import validate_dataset_name

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

_MOST_KEYS = 100
"""That an event names; whoever gets it looks for itself."""

_READS_PER_LOOK = 200
"""Records of the ledger: a triggerer that starts reads them in portions, so that no look is long."""

_WARMING_UP_SECONDS = 1.0
_LONGEST_REPEAT_SECONDS = 3600.0


class AzureMLDropsTrigger(BaseEventTrigger):
    """For the `AssetWatcher` of an asset that stands for new data.

    Looks under the pattern again and again, and emits one event, `{"dataset", "pattern", "count", "pending"}`, when a
    drop is pending (see `LedgerView`) that no event has told of yet. While drops stay pending it emits again after
    `repeat_seconds`, and after twice as long each time, an hour at most. So an event that Airflow lost, or that came
    while the DAG was paused, is made up for, and a triggerer that starts anew begins with one event for all of them.

    What fails (storage, workspace, a connection that is not there) is logged and tried again at the next look.

    :param pattern: where the drops are, see `DropPattern`.
    :param dataset: name of the dataset that they make versions of.
    :param source_conn_id: connection for a pattern in an object storage (default: the storage's own default).
    :param azureml_conn_id: connection of type `azureml`.
    :param poll_seconds: pause between two looks (default 30).
    :param settle_seconds: a file that was written within so many seconds is taken for half-written (default 10).
    :param repeat_seconds: after how long an event is repeated at first (default 300).
    """

    def __init__(
        self,
        *,
        pattern: str,
        dataset: str,
        source_conn_id: str | None = None,
        azureml_conn_id: str = "azureml_default",
        poll_seconds: float = 30,
        settle_seconds: float = 10,
        repeat_seconds: float = 300,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pattern = pattern
        self.dataset = dataset
        self.source_conn_id = source_conn_id
        self.azureml_conn_id = azureml_conn_id
        self.poll_seconds = poll_seconds
        self.settle_seconds = settle_seconds
        self.repeat_seconds = repeat_seconds
        self._parsed = DropPattern.parse(pattern)
        validate_dataset_name(dataset)
        _check_seconds(poll_seconds=poll_seconds, repeat_seconds=repeat_seconds)
        if settle_seconds < 0:
            raise InvalidRequest(f"settle_seconds is {settle_seconds}; give 0 or more.")
        self._ledger = LedgerView(dataset)
        self._workspace: SharedWorkspace | None = None
        self._stale: SharedWorkspace | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where the class is, and its arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "pattern": self.pattern,
            "dataset": self.dataset,
            "source_conn_id": self.source_conn_id,
            "azureml_conn_id": self.azureml_conn_id,
            "poll_seconds": self.poll_seconds,
            "settle_seconds": self.settle_seconds,
            "repeat_seconds": self.repeat_seconds,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch until Airflow ends the trigger."""
        told = Announcements(self.repeat_seconds)
        trouble = _Trouble(self)
        # A thread of its own: a storage that hangs must not take one that other triggers need.
        with _OneThread() as listing:
            while True:
                try:
                    pending = await self._look(listing)
                except (WorkspaceError, AirflowException, AirflowRuntimeError, OSError) as error:
                    self._forget_refused(error)
                    trouble.tell(error)
                else:
                    trouble.over()
                    if told.are_due(pending, time.monotonic()):
                        yield self._event(pending)
                await asyncio.sleep(self.poll_seconds if self._ledger.is_complete else _WARMING_UP_SECONDS)

    async def _look(self, listing: ThreadPoolExecutor) -> list[FoundDrop]:
        found = await asyncio.get_running_loop().run_in_executor(listing, self._find)
        if self._workspace is None:
            self._workspace = await shared_workspace(self.azureml_conn_id, instead_of=self._stale)
        return await self._workspace.call(lambda workspace: self._pending(workspace, found))

    def _find(self) -> list[FoundDrop]:
        storage = storage_of(self._parsed, self.source_conn_id)
        return find_drops(self._parsed, storage, settle_seconds=self.settle_seconds)

    def _pending(self, workspace: Workspace, found: list[FoundDrop]) -> list[FoundDrop]:
        self._ledger.refresh(workspace, [drop.key for drop in found], most=_READS_PER_LOOK)
        return self._ledger.pending(found)

    def _forget_refused(self, error: Exception) -> None:
        if isinstance(error, Unauthorized):  # its connection may have been mended
            self._stale, self._workspace = self._workspace, None

    def _event(self, pending: list[FoundDrop]) -> TriggerEvent:
        keys = [drop.key for drop in pending]
        self.log.info("Pending drops of %s, %d in all: %s", self.dataset, len(keys), _short(keys))
        told = {"dataset": self.dataset, "pattern": self.pattern, "count": len(keys), "pending": keys[:_MOST_KEYS]}
        return TriggerEvent(told)  # type: ignore[no-untyped-call]


class Announcements:
    """When an event is due: at once for a drop that none has told of, and again and again while any is pending."""

    def __init__(self, repeat_seconds: float) -> None:
        self._first_pause = repeat_seconds
        self._pause = repeat_seconds
        self._told: frozenset[tuple[str, str]] = frozenset()
        self._again_at = 0.0

    def are_due(self, pending: Iterable[FoundDrop], now: float) -> bool:
        """Whether these drops have to be told of at `now` (seconds of any clock); if so, they count as told."""
        present = frozenset((drop.key, drop.content_state) for drop in pending)
        has_new = not present <= self._told
        is_due = bool(present) and (has_new or now >= self._again_at)
        if has_new:
            self._pause = self._first_pause
        if is_due:
            self._again_at = now + self._pause
            self._pause = max(self._first_pause, min(self._pause * 2, _LONGEST_REPEAT_SECONDS))
        self._told = present
        return is_due


class _Trouble:
    """Logs a failure once, until it is another one or over."""

    def __init__(self, trigger: AzureMLDropsTrigger) -> None:
        self._trigger = trigger
        self._last: str | None = None

    def tell(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self._last:
            self._trigger.log.warning("Drops under %s are not seen just now: %s", self._trigger.pattern, text)
        self._last = text

    def over(self) -> None:
        if self._last is not None:
            self._trigger.log.info("Drops under %s are seen again.", self._trigger.pattern)
        self._last = None


class _OneThread(ThreadPoolExecutor):
    """A thread that nobody waits for at the end."""

    def __init__(self) -> None:
        super().__init__(1, thread_name_prefix="azureml-drops")

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False, cancel_futures=True)


def _check_seconds(**given: float) -> None:
    for name, seconds in given.items():
        if seconds <= 0:
            raise InvalidRequest(f"{name} is {seconds}; give a number of seconds above 0.")


def _short(keys: list[str]) -> str:
    return ", ".join(keys[:10]) + (", ..." if len(keys) > 10 else "")
