"""What one page asks a workspace: within seconds, and without what does not come in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from azureml_workspace.errors import ServiceUnavailable, WorkspaceError

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace

T = TypeVar("T")

LAST_QUESTION_SECONDS = 4.5
"""When a page asks its last question; an answer takes 3.5 s at most, so that a page is there within 8 s."""


class Reading:
    """The workspace, and how long a page has been asking it.

    :param source: the workspace's address; what is known of one workspace is not shown of another.
    :param logs: whether the page's reader may read logs.
    :param clock: seconds.
    """

    def __init__(
        self, workspace: Workspace, *, source: str, logs: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.workspace = workspace
        self.source = source
        self.logs = logs
        self._clock = clock
        self._end = clock() + LAST_QUESTION_SECONDS
        self._missing: list[str] = []

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that did not come in time."""
        return tuple(self._missing)

    def need(self, ask: Callable[[Workspace], T]) -> T:
        """What the page cannot be without.

        :raises ServiceUnavailable: there is no time left. :raises WorkspaceError:
        """
        if self._clock() >= self._end:
            raise ServiceUnavailable(f"the workspace at {self.source} answers too slowly.")
        return ask(self.workspace)

    def part(self, name: str, ask: Callable[[Workspace], T]) -> T | None:
        """A part of the page; None when there is no time left or the workspace gives no answer.

        :raises WorkspaceError: one that asking again would not mend.
        """
        try:
            return self.need(ask)
        except WorkspaceError as error:
            if not error.retryable:
                raise
        self._missing.append(name)
        return None
