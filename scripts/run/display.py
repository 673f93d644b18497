"""What a person sees while the DAG runs: a live table on a terminal, one line per event elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from scripts.run.outcomes import automl_line, outcome
from scripts.run.progress import RunProgress, TaskProgress

_STYLES = {
    "waiting": ("·", "dim"),
    "retrying": ("↻", "yellow"),
    "done": ("✔", "green"),
    "failed": ("✘", "red"),
    "not reached": ("-", "dim"),
}


class Display(Protocol):
    """Shown for as long as the run lasts; `update` is called a few times a second."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, message: str) -> None:
        """A line about something beside the tasks."""

    def update(self, run: RunProgress) -> None:
        """Show how the run stands now."""


def make_display(console: Console, started: float) -> Display:
    """The one that suits where the output goes. `started` is when, by the monotonic clock, it all began."""
    return LiveDisplay(console) if console.is_terminal and not console.is_dumb_terminal else PlainDisplay(started)


class LiveDisplay:
    """A table of the tasks that is drawn over itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, message: str) -> None:
        """A line above the table."""
        self._console.print(message, style="yellow", highlight=False, markup=False)

    def update(self, run: RunProgress) -> None:
        """Draw the table anew."""
        self._live.update(task_table(run, self._spinner), refresh=True)


def task_table(run: RunProgress, spinner: Spinner) -> RenderableType:
    """The six tasks with state, seconds and what is known of each."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(no_wrap=True, min_width=16)
    table.add_column(justify="right", min_width=7, no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for task in run.tasks.values():
        table.add_row(_mark(task, spinner), Text(task.task_id), Text(_seconds(task), "dim"), _detail(task, run))
    if run.run_id is None and run.state is None:
        waiting = "starting the first task" if run.airflow_ready else "loading Airflow"
        return Group(table, Text(f"   {waiting} ...", "dim"))
    return table


def _mark(task: TaskProgress, spinner: Spinner) -> RenderableType:
    if task.state == "running":
        return spinner
    mark, style = _STYLES[task.state]
    return Text(mark, style)


def _seconds(task: TaskProgress) -> str:
    seconds = task.seconds()
    return "" if seconds is None else f"{seconds:.1f} s"


def _detail(task: TaskProgress, run: RunProgress) -> RenderableType:
    if task.state == "done":
        return Text(outcome(task.task_id, task.result))
    if task.state in {"failed", "retrying"}:
        again = " (Airflow tries again)" if task.state == "retrying" else ""
        return Text(f"{task.short_error}{again}", "red" if task.state == "failed" else "yellow")
    if task.state == "running" and task.task_id == "automl_run" and run.automl is not None:
        share = min(run.automl.elapsed_seconds, run.automl.time_limit_seconds)
        bar = ProgressBar(total=run.automl.time_limit_seconds, completed=share, width=48)
        return Group(Text(automl_line(run.automl)), bar)
    return Text("")


class PlainDisplay:
    """One line per event, for logs; AutoML speaks when it has news, at most every few seconds."""

    _AUTOML_PAUSE_SECONDS = 5.0

    def __init__(self, started: float) -> None:
        self._started = started
        self._shown: dict[str, tuple[str, int]] = {}
        self._automl: tuple[str, int, float | None] | None = None
        self._automl_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def say(self, message: str) -> None:
        """A line."""
        elapsed = time.monotonic() - self._started
        print(f"{elapsed:6.1f} s  {message}", file=sys.stdout, flush=True)

    def update(self, run: RunProgress) -> None:
        """Print what changed since the last look."""
        for task in run.tasks.values():
            now = (task.state, task.tries)
            if now != self._shown.get(task.task_id, ("waiting", 0)):
                self._shown[task.task_id] = now
                if task.state != "not reached":
                    self.say(_plain_line(task))
        self._update_automl(run)

    def _update_automl(self, run: RunProgress) -> None:
        if run.automl is None or run.tasks["automl_run"].state != "running":
            return
        news = (run.automl.phase, run.automl.trials_done, run.automl.best_score)
        moment = time.monotonic()
        if news != self._automl and moment - self._automl_at >= self._AUTOML_PAUSE_SECONDS:
            self._automl, self._automl_at = news, moment
            self.say(f"automl_run        {automl_line(run.automl)}")


def _plain_line(task: TaskProgress) -> str:
    text = {
        "done": f"done in {task.seconds() or 0.0:.1f} s: {outcome(task.task_id, task.result)}",
        "failed": f"FAILED: {task.short_error}",
        "retrying": f"failed, Airflow tries again: {task.short_error}",
    }.get(task.state, task.state)
    return f"{task.task_id:<17} {text}"
