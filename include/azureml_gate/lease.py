"""A lease: one holder at a time of something that everybody may write, kept in the document `leases/{name}`.

**Clocks.** A holder goes by its own monotonic clock: the lease is its own until the time that it asked for has passed
since *before* it sent the last renewal that was confirmed. Another one takes over when it has seen the same document
unchanged for that time on *its* monotonic clock, which is later by construction; so while both run, their wall clocks
do not matter. Only a lease that had run out before anybody watched is judged by wall clocks: it is taken over
`CLOCK_SKEW_SECONDS` after the time that is written in it, so the clocks of workers may be that far apart.

**What a lease cannot do.** A process that stands still between its last look at the lease and the request that it then
sends may write late, because a web service checks no token. `Lease.confirm` right before each write keeps that gap to
one request, and documents that are written under a lease carry its `token`, which only grows: one who writes late finds
a larger one there and stops.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azureml_workspace.documents import find_document
from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable, WorkspaceError
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Document, Record

LEASE_SECONDS = 180.0
"""After which the lease of a process that died is free."""

CLOCK_SKEW_SECONDS = 30.0
"""How far the clocks of two workers may be apart."""

_RENEWALS_PER_LEASE = 4
_POLL_SECONDS = (0.2, 3.0)
"""Between two looks at a lease that somebody else holds: the first pause and the longest."""

logger = logging.getLogger(__name__)


class LeaseHeld(ServiceUnavailable):
    """Somebody else held the lease for longer than one was ready to wait."""


class LeaseLost(ServiceUnavailable):
    """The lease is somebody else's by now, or may be; nothing more may be written under it."""


@dataclass(frozen=True, kw_only=True)
class LeaseRecord(Record):
    """What the document says. `owner` is empty when nobody holds it; `seconds` is how long it is good for from then."""

    owner: str
    token: int
    seconds: float
    acquired_at: datetime
    expires_at: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether it ran out, whatever the difference of two clocks."""
        return not self.owner or now > self.expires_at + timedelta(seconds=CLOCK_SKEW_SECONDS)


def lease_path(name: str) -> str:
    """Where it is kept."""
    return f"leases/{name}"


def read_lease(workspace: Workspace, name: str) -> LeaseRecord | None:
    """What the document says, None when there is none."""
    found = find_document(workspace, lease_path(name))
    return None if found is None else LeaseRecord.from_dict(found.content)


class Lease:
    """A lease that was acquired, as its holder sees it. Threads may share it."""

    def __init__(self, workspace: Workspace, name: str, record: LeaseRecord, etag: str, asked: float) -> None:
        self.name = name
        self._workspace = workspace
        self._record = record
        self._etag = etag
        self._until = asked + record.seconds
        self._lost = ""
        self._lock = threading.Lock()

    @property
    def owner(self) -> str:
        """Who holds it."""
        return self._record.owner

    @property
    def token(self) -> int:
        """Larger than that of every lease of this name before."""
        return self._record.token

    @property
    def seconds(self) -> float:
        """How long it is good for after each renewal."""
        return self._record.seconds

    def confirm(self) -> None:
        """Renew it now; do so right before writing anything.

        :raises LeaseLost: write nothing more. :raises ServiceUnavailable: nobody can tell just now.
        """
        with self._lock:
            self._renew()

    def release(self) -> None:
        """Give it back, so that the next one need not wait; one that was lost is left alone."""
        with self._lock:
            if self._lost:
                return
            try:
                self._write(replace(self._record, owner="", expires_at=datetime.now(UTC)))
            except LeaseLost:
                return
            except WorkspaceError as error:
                logger.warning("Lease %s could not be given back and runs out by itself: %s", self.name, error)
            self._lost = f"lease {self.name} was given back."

    def renew_until(self, done: threading.Event) -> None:
        """The heartbeat: renew it in good time until `done` is set or the lease is lost."""
        while not done.wait(self.seconds / _RENEWALS_PER_LEASE):
            try:
                self.confirm()
            except LeaseLost as error:
                logger.warning("%s", error)  # its holder is told by its next `confirm`
                return
            except WorkspaceError as error:
                logger.warning("Lease %s could not be renewed just now: %s", self.name, error)

    def _renew(self) -> None:
        if not self._lost and time.monotonic() >= self._until:
            self._lost = f"lease {self.name} of {self.owner} ran out: it was not renewed for {self.seconds:g} s."
        if self._lost:
            raise LeaseLost(self._lost)
        asked = time.monotonic()
        self._write(replace(self._record, expires_at=datetime.now(UTC) + timedelta(seconds=self.seconds)))
        self._until = asked + self.seconds

    def _write(self, record: LeaseRecord) -> None:
        """:raises LeaseLost: the document is another's."""
        path, content = lease_path(self.name), record.to_dict()
        try:
            written = self._workspace.write_document(path, content, expected=self._etag)
        except (Conflict, NotFound):
            written = self._written_after_all(path, content)
        self._record, self._etag = record, written.etag

    def _written_after_all(self, path: str, content: dict[str, Any]) -> Document:
        """Over what an earlier writing of this lease left, whose answer was lost. :raises LeaseLost:"""
        found = find_document(self._workspace, path)
        theirs = None if found is None else LeaseRecord.from_dict(found.content)
        if found is not None and theirs is not None and theirs.token == self.token:
            with suppress(Conflict, NotFound):
                return self._workspace.write_document(path, content, expected=found.etag)
        whose = f"{theirs.owner or 'nobody'} holds it" if theirs else "its document was removed"
        self._lost = f"lease {self.name} was lost by {self.owner}: {whose} now."
        raise LeaseLost(self._lost)


def acquire(
    workspace: Workspace,
    name: str,
    owner: str,
    *,
    seconds: float = LEASE_SECONDS,
    wait_seconds: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Lease:
    """The lease, waited for as long as `wait_seconds`. Its owner gets it at once, with a larger token: another try of
    the same task takes over from the one before, which then finds it lost.

    :raises LeaseHeld: somebody else held it all the time, or `stopped` said so.
    """
    deadline = time.monotonic() + wait_seconds
    pause, longest = _POLL_SECONDS
    watched, since = "", time.monotonic()
    while True:
        found = find_document(workspace, lease_path(name))
        record = None if found is None else LeaseRecord.from_dict(found.content)
        if found is not None and found.etag != watched:
            watched, since = found.etag, time.monotonic()
        if record is None or _is_free(record, owner, watched_for=time.monotonic() - since):
            lease = _take(workspace, name, owner, seconds, found, record)
            if lease is not None:
                return lease
            record = None
        left = deadline - time.monotonic()
        if record is not None and (left <= 0 or stopped()):
            raise LeaseHeld(_held(name, record, wait_seconds), retry_after=longest)
        time.sleep(random.uniform(0.5, 1.0) * min(pause, max(left, 0.05)))
        pause = min(pause * 1.5, longest)


@contextmanager
def hold(
    workspace: Workspace,
    name: str,
    owner: str,
    *,
    seconds: float = LEASE_SECONDS,
    wait_seconds: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Lease]:
    """Acquire the lease, renew it in the background, give it back.

    The heartbeat has connections of its own, because those of `workspace` are this thread's.

    :raises LeaseHeld: as `acquire`.
    """
    heart = workspace.reopened(connect_timeout=5.0, read_timeout=15.0, retry_seconds=seconds / 10)
    lease = acquire(heart, name, owner, seconds=seconds, wait_seconds=wait_seconds, stopped=stopped)
    done = threading.Event()
    beat = threading.Thread(target=lease.renew_until, args=(done,), name=f"lease-{name}", daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        done.set()
        lease.release()
        beat.join(timeout=seconds)


def _is_free(record: LeaseRecord, owner: str, *, watched_for: float) -> bool:
    return record.owner == owner or record.is_over(datetime.now(UTC)) or watched_for > record.seconds


def _take(
    workspace: Workspace, name: str, owner: str, seconds: float, found: Document | None, record: LeaseRecord | None
) -> Lease | None:
    """The lease written as this owner's; None when another one was faster."""
    asked, now = time.monotonic(), datetime.now(UTC)
    # The time in it keeps tokens growing when somebody removed the document.
    token = max(record.token + 1 if record else 0, int(now.timestamp() * 1000))
    mine = LeaseRecord(
        owner=owner, token=token, seconds=seconds, acquired_at=now, expires_at=now + timedelta(seconds=seconds)
    )
    try:
        written = workspace.write_document(
            lease_path(name), mine.to_dict(), expected=None if found is None else found.etag
        )
    except (Conflict, NotFound):
        return None
    if record is not None and record.owner:
        logger.info("Lease %s was not given back by %s; taken over.", name, record.owner)
    return Lease(workspace, name, mine, written.etag, asked)


def _held(name: str, record: LeaseRecord, waited: float) -> str:
    return (
        f"{record.owner} holds the lease {name} since {record.acquired_at:%Y-%m-%d %H:%M:%S} UTC, until "
        f"{record.expires_at:%H:%M:%S} unless it is renewed; waited {waited:.0f} s for it. Try again later."
    )
