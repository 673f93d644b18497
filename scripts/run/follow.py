"""Follow the run to its end, show how it goes, and cancel in good order when a person asks for it."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Self

from azureml_workspace.connect import open_workspace
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.settings import WorkspaceSettings
from scripts.run.airflow_process import CANCEL_GRACE_SECONDS
from scripts.run.display import Display
from scripts.run.events import RunEnded
from scripts.run.progress import RunProgress
from scripts.run.source import RunSource

LOOK_SECONDS = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts requests to stop instead of raising, so that no line of the display or the events is cut in two."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


def follow(child: RunSource, display: Display, workspace: WorkspaceSettings) -> RunProgress:
    """How the run ended. The first interrupt cancels it, a second one or the end of the grace kills it."""
    run = RunProgress()
    deadline: float | None = None
    with Interrupts() as interrupts:
        while run.state is None:
            alive = child.is_alive  # asked before the events are read, so that none is missed
            for event in child.events():
                run.apply(event)
            display.update(run)
            if run.state is None and not alive:
                run.apply(RunEnded(state="failed", error=child.end_reason))
                _cancel_automl(run, workspace, display)
            elif interrupts.count and deadline is None:
                display.say("Cancelling: the AutoML run and the task are asked to stop (Ctrl-C again to stop at once).")
                child.cancel()
                deadline = time.monotonic() + CANCEL_GRACE_SECONDS
            elif deadline is not None and (interrupts.count > 1 or time.monotonic() > deadline):
                child.kill()
                run.apply(RunEnded(state="canceled"))
                _cancel_automl(run, workspace, display)
            else:
                time.sleep(LOOK_SECONDS)
        display.update(run)
    return run


def _cancel_automl(run: RunProgress, workspace: WorkspaceSettings, display: Display) -> None:
    """A child that was killed could not cancel what it had asked the workspace to do."""
    if run.automl_run_id is None or run.task("automl_run").state == "done":
        return
    try:
        open_workspace(workspace).cancel_run(run.automl_run_id)
    except WorkspaceError as error:
        display.say(f"The AutoML run {run.automl_run_id} may go on: {error}")
