"""The thread of a part of the server that looks after something as long as the server lives."""

from __future__ import annotations

import threading
from collections.abc import Callable

from azureml_local.troubles import TroubleLog

_AFTER_ERROR_SECONDS = 5.0


class BackgroundLoop:
    """Calls `step` in a thread named `name`, again after the seconds that it gives, or at once when it is woken.

    An error of `step` goes to `troubles`, and the loop goes on.
    """

    def __init__(self, name: str, step: Callable[[], float], troubles: TroubleLog) -> None:
        self._name = name
        self._step = step
        self._troubles = troubles
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Call `step` now."""
        self._wake.set()

    def stop(self) -> None:
        """Come to an end when the `step` at hand is done, and wait for that."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = _AFTER_ERROR_SECONDS
            with self._troubles.isolated(f"the {self._name}"):
                pause = self._step()
            self._wake.wait(pause)
            self._wake.clear()
