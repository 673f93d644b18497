"""Wait until all is up, showing what already is; give up when something dies again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from rich.console import Console

from azureml_workspace.errors import ServiceUnavailable
from scripts.run.layout import Layout
from scripts.up.airflow_api import AirflowApi
from scripts.up.readiness import Readiness, look
from scripts.up.state import UpFiles
from scripts.up.supervisor import Supervisor

START_SECONDS = 300.0
"""For everything to be healthy. It takes 40 s on two quiet cores."""

DAGS_SECONDS = 60.0
"""For the DAG files to be read after that; what is not read by then is said."""

MOST_PIDS = 3
"""How many processes a component may use up before `make up` gives up."""

LOOK_SECONDS = 0.5
PLAIN_SECONDS = 10.0
"""Between two lines about what is still to come, where no line can be drawn over itself."""

LOG_LINES = 15


class StartFailed(ServiceUnavailable):
    """Something does not come up; the message holds what it said."""


def wait_until_ready(
    files: UpFiles,
    api: AirflowApi,
    since: float,
    *,
    say: Callable[[str], None],
    console: Console,
    check: Callable[[], None],
) -> Readiness:
    """Say each component once it is healthy; gives how it stands in the end. `check` raises to end the wait.

    :raises StartFailed: a component does not come up.
    """
    progress = _Progress(say)
    deaths = _Deaths(files)
    begun = time.monotonic()
    healthy_at: float | None = None
    status = console.status("starting") if console.is_terminal else nullcontext()
    with status as spinner:
        while True:
            check()
            readiness = look(files.layout, api, since)
            progress.update(readiness)
            if readiness.is_healthy:
                healthy_at = healthy_at or time.monotonic()
            if readiness.is_complete or (healthy_at and time.monotonic() - healthy_at > DAGS_SECONDS):
                return readiness
            deaths.check()
            waiting_for = ", ".join(progress.waiting_for(readiness))
            if time.monotonic() - begun > START_SECONDS and healthy_at is None:
                raise StartFailed(f"not up after {START_SECONDS:.0f} s: {waiting_for}.\n{deaths.log_tails(readiness)}")
            if spinner is not None:
                spinner.update(f"waiting for {waiting_for}")
            else:
                progress.remind(waiting_for)
            time.sleep(LOOK_SECONDS)


class _Progress:
    """Says what is news."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[str] = set()
        self._spoke_at = time.monotonic()

    def update(self, readiness: Readiness) -> None:
        news = [name for name, healthy in readiness.healthy.items() if healthy and name not in self._said]
        for name in news:
            self._tell(f"{name} is healthy")
        self._said.update(news)
        if readiness.is_complete:
            broken = f", {len(readiness.import_errors)} files cannot be imported" if readiness.import_errors else ""
            self._tell(f"DAGs loaded: {len(readiness.dags)}{broken}")

    def remind(self, waiting_for: str) -> None:
        if time.monotonic() - self._spoke_at > PLAIN_SECONDS:
            self._tell(f"waiting for {waiting_for}")

    @staticmethod
    def waiting_for(readiness: Readiness) -> list[str]:
        return [name for name, healthy in readiness.healthy.items() if not healthy] or readiness.missing or ["the DAGs"]

    def _tell(self, message: str) -> None:
        self._say(message)
        self._spoke_at = time.monotonic()


class _Deaths:
    """Counts the processes that each component used up."""

    def __init__(self, files: UpFiles) -> None:
        self._files = files
        self._pids: dict[str, set[int]] = {}

    def check(self) -> None:
        """:raises StartFailed: a component dies again and again, or supervisord is gone."""
        if self._files.running() is None:
            raise StartFailed(f"supervisord is gone; see {self._layout.shown(self._layout.logs)}/supervisord.log")
        for process in Supervisor(self._files).processes():
            pids = self._pids.setdefault(process.name, set())
            if process.pid:
                pids.add(process.pid)
            if len(pids) > MOST_PIDS:
                raise StartFailed(f"{process.name} ends as often as it is started.\n{self._log_tail(process.name)}")

    def log_tails(self, readiness: Readiness) -> str:
        """The last words of what is not healthy."""
        return "\n".join(self._log_tail(name) for name, healthy in readiness.healthy.items() if not healthy)

    @property
    def _layout(self) -> Layout:
        return self._files.layout

    def _log_tail(self, name: str) -> str:
        log = self._layout.logs / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else ["(nothing)"]
        return "\n".join([f"The end of {self._layout.shown(log)}:", *(f"  {line}" for line in lines)])
