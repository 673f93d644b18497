"""The end of a log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_azureml.ui.views.kept import Kept
from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import Run, StepRun

LAST_LINES = 200
LAST_CHARACTERS = 40_000
SETTLED_AFTER = timedelta(minutes=1)
"""How long after the end of a run its log is taken for complete."""
MOST_KEPT = 100
"""Logs that do not grow any more."""

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class LogTail:
    """The last lines of the run's log `path`; `cut` says that there are more before them."""

    path: str
    text: str
    cut: bool

    @classmethod
    def read(cls, reading: Reading, run: Run | StepRun, path: str, now: datetime) -> LogTail | None:
        """The tail; None when the run has no such log (yet), when it did not come, or is not for this reader."""
        if not reading.logs or run.run_id is None:
            return None
        key = (reading.source, run.run_id, path)
        kept = _SETTLED.get(key)
        if kept is not None:
            return kept
        run_id = run.run_id
        tail = reading.part(f"log {path} of {run_id}", lambda workspace: _tail(workspace, run_id, path))
        if tail is not None and run.ended_at is not None and now - run.ended_at > SETTLED_AFTER:
            _SETTLED.keep(key, tail)
        return tail


_SETTLED: Kept[LogTail] = Kept(MOST_KEPT)


def _tail(workspace: Workspace, run_id: str, path: str) -> LogTail | None:
    try:
        content = workspace.run_log(run_id, path, tail=LAST_LINES + 1)
    except NotFound:
        return None
    lines = _TERMINAL_CODES.sub("", content).replace("\0", "").splitlines()
    text = "\n".join(lines[-LAST_LINES:])
    cut = len(lines) > LAST_LINES or len(text) > LAST_CHARACTERS
    return LogTail(path=path, text=text[-LAST_CHARACTERS:], cut=cut)
