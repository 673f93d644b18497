"""Let a signal handler end a request that the main thread waits for, and never a talk with Airflow itself.

Airflow calls `on_kill` in a signal handler and kills the process five seconds later, while a request may take longer;
an exception that the handler raises ends it. Raised in the middle of a message to Airflow's supervisor it would make
the next answer one to the wrong question, so it is raised only where that is allowed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupts:
    """Of one process, as signal handlers are."""

    def __init__(self) -> None:
        self._allowed = False
        self._held_off = False
        self._pending: Exception | None = None

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Where an exception may be raised."""
        self._allowed = True
        try:
            yield
        finally:
            self._allowed, self._pending = False, None

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Where it may not, within such a place; it is raised afterwards."""
        self._held_off = True
        try:
            yield
        finally:
            self._held_off = False
        if (pending := self._pending) is not None:
            self._pending = None
            raise pending

    def interrupt(self, error: Exception) -> None:
        """Raise the error where that is allowed; do nothing anywhere else, nor in another thread than the main one."""
        if not self._allowed or threading.current_thread() is not threading.main_thread():
            return
        if self._held_off:
            self._pending = error
            return
        self._allowed = False
        raise error


INTERRUPTS = Interrupts()
