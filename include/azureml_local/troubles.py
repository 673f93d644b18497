"""What goes wrong at something that is tried again every fraction of a second, told once and not at every try."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class TroubleLog:
    """Keeps errors of one thing from stopping the others. For one thread."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: dict[str, str] = {}

    @contextmanager
    def isolated(self, what: str) -> Iterator[None]:
        """Log an error in the context, with its traceback, unless it is the one that `what` had last time too."""
        try:
            yield
        except Exception as error:
            trouble = in_one_line(error)
            if self._told.get(what) != trouble:
                self._logger.exception("%s: it failed; trying again until it does not", what)
            self._told[what] = trouble
        else:
            if self._told.pop(what, None) is not None:
                self._logger.info("%s: goes on", what)


def in_one_line(error: BaseException) -> str:
    """The error's class and first line: a database error goes on with the statement and its parameters."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
