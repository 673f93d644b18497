"""A server that is killed at a chosen point of its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """The server was killed here."""


class Reaper:
    """Kills a server's thread before or after one of the things that it does to the disk.

    Point 2n is before, 2n + 1 after the n-th of them.
    """

    def __init__(self) -> None:
        self.point = self.done = 0
        self.has_killed = False

    def aim(self, point: int) -> None:
        """Kill at that point from now on, once."""
        self.point, self.done, self.has_killed = point, 0, False

    def deadly(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._pass()
            value = function(*arguments, **options)
            self._pass()
            return value

        return call

    def _pass(self) -> None:
        self.done += 1
        if self.done - 1 == self.point and not self.has_killed:
            self.has_killed = True
            raise Killed
