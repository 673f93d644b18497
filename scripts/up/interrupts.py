"""Ctrl-C, SIGTERM and SIGHUP while `make up` starts: raised where they arrive, and remembered."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """A signal interrupts the code within the context by a KeyboardInterrupt, unless the caller had it ignored.

    It is remembered too, for `check`: what is raised while a finaliser happens to run, Python swallows.
    """

    def __init__(self) -> None:
        self._came = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """:raises KeyboardInterrupt: a signal came."""
        if self._came:
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """From now on nothing interrupts: what was started is being stopped, however often one asks."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._came = True
        raise KeyboardInterrupt
