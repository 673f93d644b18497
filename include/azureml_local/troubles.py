"""What goes wrong at something that is tried again every fraction of a second: told once, and tried less and less."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
"""Seconds before something that failed is tried again; they double with every failure in a row."""

_Kind = tuple[object, ...]


@dataclass
class _Trouble:
    """What went wrong with one thing since it last went well. `not_before` is of the clock."""

    told: set[_Kind] = field(default_factory=set)
    pause: float = FIRST_PAUSE
    not_before: float = 0.0


class TroubleLog:
    """Keeps errors of one thing from stopping the others. For one thread."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}

    def attempt(self, what: str, work: Callable[[], None]) -> None:
        """Do `work`, isolated; not at all while the pause after its last failure goes on."""
        trouble = self._troubles.get(what)
        if trouble is None or self._clock() >= trouble.not_before:
            with self.isolated(what):
                work()

    @contextmanager
    def isolated(self, what: str) -> Iterator[None]:
        """Log an error in the context, with its traceback, unless `what` had one of its kind since it last went well.

        Of one kind are errors of one class (and errno) from one place. Their texts may differ each time.
        """
        try:
            yield
        except Exception as error:
            trouble = self._troubles.setdefault(what, _Trouble())
            kind = _kind(error)
            if kind not in trouble.told:
                trouble.told.add(kind)
                self._logger.exception("%s: it failed; trying again until it does not", what)
            trouble.not_before = self._clock() + trouble.pause
            trouble.pause = min(2 * trouble.pause, LONGEST_PAUSE)
        else:
            if self._troubles.pop(what, None) is not None:
                self._logger.info("%s: goes on", what)


def in_one_line(error: BaseException) -> str:
    """The error's class and first line: a database error goes on with the statement and its parameters."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _kind(error: BaseException) -> _Kind:
    """Class, errno and place of an error, and class and errno of the one that it came from."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    cause = error.__cause__
    return (type(error), _errno(error), place.filename, place.lineno, type(cause), _errno(cause))


def _errno(error: BaseException | None) -> int | None:
    return error.errno if isinstance(error, OSError) else None
