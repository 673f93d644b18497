"""Progress of an AutoML run as lines in the task's log: one whenever something changed, and one a minute anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from azureml_workspace.records import AutoMLProgress, Run
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from azureml_workspace.protocol import Workspace

_WORKING = frozenset({RunStatus.RUNNING, RunStatus.FINALIZING, RunStatus.COMPLETED})


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment; `progress` is None while it does not work yet, or no longer."""

    run: Run
    progress: AutoMLProgress | None

    @classmethod
    def read(cls, workspace: Workspace, run_id: str) -> Self:
        """Look at the run."""
        run = workspace.get_run(run_id)
        return cls(run, workspace.automl_progress(run_id) if run.status in _WORKING else None)


class ProgressLog:
    """Called with each snapshot; logs those that say something new."""

    def __init__(self, log: Logger, primary_metric: str) -> None:
        self._log = log
        self._metric = primary_metric
        self._last: tuple[object, ...] = ()

    def __call__(self, seen: Snapshot) -> None:
        """Log the snapshot unless it says what the last one said, less than a minute ago."""
        progress = seen.progress
        news: tuple[object, ...] = (seen.run.status,)
        if progress is not None:
            minute = int(progress.elapsed_seconds // 60)
            news = (progress.phase, progress.trials_done, progress.trials_failed, progress.best_score, minute)
        if news == self._last:
            return
        self._last = news
        if progress is None:
            self._log.info("Run %s is %s.", seen.run.run_id, seen.run.status)
        else:
            self._log.info("%s", describe(progress, self._metric))


def describe(progress: AutoMLProgress, metric: str) -> str:
    """One line: phase, trials done, the best so far, time left."""
    parts = [f"{progress.trials_done} trial{'' if progress.trials_done == 1 else 's'} done"]
    if progress.trials_failed:
        parts[0] += f" ({progress.trials_failed} failed)"
    if progress.best_score is not None:
        parts.append(f"best so far {progress.best_algorithm} with {metric} {progress.best_score:.5f}")
    parts.append(f"{progress.seconds_left:.0f} s left")
    return f"AutoML, {progress.phase}: {', '.join(parts)}"
