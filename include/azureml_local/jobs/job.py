"""One started job: what it is doing, when it must be stopped, and how it ended."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from azureml_local.files import tail_lines
from azureml_local.jobs.files import LOG_FILE, OVERRAN_FILE, JobNews, ResultFile, read_news, read_result
from azureml_local.processes import ManagedProcess
from azureml_local.store.runs import ActiveRun
from azureml_workspace.statuses import RunStatus

logger = logging.getLogger(__name__)

MOST_STARTS = 3
"""Of one run. A job that takes the machine down with it must not do so for ever."""
KILL_AFTER_SECONDS = 5.0
LINGER_SECONDS = 10.0
"""How long a job may go on after it wrote its result; then it is ended for it."""
OVERRUN_SECONDS = 60.0
OVERRUN_SHARE = 0.5
"""A job keeps its own time limit. One that overruns it by this much is hung."""

_LOG_LINES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended."""

    status: RunStatus
    error: str = ""
    result: ResultFile | None = None


class Job:
    """A job process and its folder. Not thread-safe: the dispatcher's thread alone drives it."""

    def __init__(self, run: ActiveRun, folder: Path, process: ManagedProcess | None, cores: int) -> None:
        """`process` is None when nothing is known of the job that an earlier server started."""
        self.run_id = run.run_id
        self.compute_target = run.settings.compute_target
        self.cores = cores
        self._folder = folder
        self._process = process
        self._found_dead = process is None or not process.is_alive
        limit = run.settings.experiment_timeout_minutes * 60
        self._limit_minutes = run.settings.experiment_timeout_minutes
        self._allowed_seconds = limit * (1 + OVERRUN_SHARE) + OVERRUN_SECONDS
        self._term_at: float | None = None
        self._result_seen_at: float | None = None
        self._starts = run.starts
        self._overran = (folder / OVERRAN_FILE).exists()

    def news(self, events_read: int) -> JobNews:
        """What the job said since."""
        return read_news(self._folder, events_read)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_alive

    @property
    def is_lost(self) -> bool:
        """Whether it went down together with the server that started it, with nothing to show and no fault of its own.

        One that was being stopped for its time had its chance.
        """
        return self._found_dead and not self._overran and read_result(self._folder) is None

    def keep_in_bounds(self, *, cancelled: bool) -> None:
        """Stop the process when it was cancelled, hangs, or lingers after its result. Never waits: call it again."""
        if self._process is None:
            return
        now = time.monotonic()
        age = time.time() - self._process.identity.pid_started
        if read_result(self._folder) is not None:
            self._result_seen_at = self._result_seen_at or now
        elif age > self._allowed_seconds and not self._overran:
            self._overran = True
            self._note_that_it_overran()
        lingers = self._result_seen_at is not None and now - self._result_seen_at > LINGER_SECONDS
        if self._term_at is None and (cancelled or self._overran or lingers):
            self._process.signal_group(signal.SIGTERM)
            self._term_at = now
        elif self._term_at is not None and now - self._term_at > KILL_AFTER_SECONDS:
            self._process.signal_group(signal.SIGKILL)

    def outcome(self, *, cancelled: bool) -> Outcome:
        """How it ended, once it is gone. What it started itself and left running is ended too."""
        if self._process is not None:
            self._process.signal_group(signal.SIGKILL)
        if cancelled:
            return Outcome(status=RunStatus.CANCELED, error="cancelled on request")
        result = read_result(self._folder)
        if result is not None and result.status == "Completed":
            return Outcome(status=RunStatus.COMPLETED, result=result)
        if result is not None:
            return Outcome(status=RunStatus.FAILED, error=result.error or "the job failed without saying why")
        return Outcome(status=RunStatus.FAILED, error=self._how_it_was_lost())

    def _note_that_it_overran(self) -> None:
        try:
            (self._folder / OVERRAN_FILE).touch()
        except OSError as error:  # it is stopped all the same; only a server that dies meanwhile would not know
            logger.warning("%s: not noted that it overran its time: %s", self.run_id, error)

    def _how_it_was_lost(self) -> str:
        if self._overran:
            reason = (
                f"it was stopped after {self._allowed_seconds:.0f} s: it did not end by itself within "
                f"experiment_timeout_minutes={self._limit_minutes:g} and the grace after it"
            )
        elif self._found_dead and self._starts >= MOST_STARTS:
            reason = (
                f"it was lost together with the server {self._starts} times; see whether it takes the machine down "
                "(memory), then submit it anew"
            )
        elif self._process is None or self._found_dead:
            reason = "its process is gone (it ended while the local Azure ML was not running)"
        else:
            reason = self._process.end_reason
        lines = tail_lines(self._folder / LOG_FILE, _LOG_LINES_SHOWN)
        last = "; the last lines of its log: " + " | ".join(lines) if lines else "; its log is empty"
        return f"the job ended without a result: {reason}{last}"
