"""Where a run of the DAG happens: in a process of its own, or in the Airflow that is up."""

from __future__ import annotations

from typing import Any, Protocol

from scripts.run.events import Event


class RunSource(Protocol):
    """One DAG run, from its start to its end, told in events."""

    @property
    def is_alive(self) -> bool:
        """Whether more events may come."""

    @property
    def end_reason(self) -> str:
        """Why no more come, when the run did not end."""

    @property
    def where_to_look(self) -> str:
        """For a person who wants to know more: a log file or a page."""

    def give_plan(self, url: str, conf: dict[str, Any]) -> None:
        """Let the DAG start, against the workspace at `url`."""

    def events(self) -> list[Event]:
        """What happened since the last look."""

    def cancel(self) -> None:
        """Ask the run to stop in good order."""

    def kill(self) -> None:
        """Stop following it; end what can be ended."""

    def end(self) -> None:
        """The run is over, or was never started."""
