"""A run as lines in a log: how far it is, and in the end its story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from azureml_workspace.records import AutoMLProgress, Run, StepRun
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk.types import Logger

    from azureml_workspace.protocol import Workspace

AUTOML = "automl"
PIPELINE = "pipeline"

_WORKING = frozenset({RunStatus.RUNNING, RunStatus.FINALIZING, RunStatus.COMPLETED})


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment. An AutoML run that works has `progress`, a pipeline's has `steps`."""

    run: Run
    progress: AutoMLProgress | None = None
    steps: tuple[StepRun, ...] = ()

    @classmethod
    def read(cls, workspace: Workspace, run_id: str) -> Self:
        """Look at the run and how far it is."""
        return cls.detailed(workspace, workspace.get_run(run_id))

    @classmethod
    def detailed(cls, workspace: Workspace, run: Run) -> Self:
        """`run` with how far it is, for one more request."""
        if run.status not in _WORKING:
            return cls(run)
        if run.run_type == PIPELINE:
            return cls(run, steps=tuple(workspace.list_step_runs(run.run_id)))
        return cls(run, progress=workspace.automl_progress(run.run_id) if run.run_type == AUTOML else None)


class ProgressLog:
    """Called with each snapshot; logs those that say something new."""

    def __init__(self, log: Logger, metric: str) -> None:
        self._log = log
        self._metric = metric
        self._last: tuple[object, ...] = ()
        self._status: RunStatus | None = None

    def __call__(self, seen: Snapshot) -> None:
        """Log the snapshot unless it is no news. An AutoML run that works is news once a minute anyway."""
        progress = seen.progress
        if progress is None and not seen.steps and seen.run.status is self._status:
            return  # a look without details, at a run of which details were logged before
        self._status = seen.run.status
        news: tuple[object, ...] = (seen.run.status, *((step.name, step.status) for step in seen.steps))
        if progress is not None:
            minute = int(progress.elapsed_seconds // 60)
            news = (progress.phase, progress.trials_done, progress.trials_failed, progress.best_score, minute)
        if news == self._last:
            return
        self._last = news
        self._log.info("%s", describe(seen, self._metric))


def describe(seen: Snapshot, metric: str) -> str:
    """One line: what the run does, and how far it is."""
    if seen.progress is not None:
        return _describe_automl(seen.progress, metric)
    if seen.steps:
        steps = ", ".join(f"{step.name} is {step.status}" for step in seen.steps)
        return f"Run {seen.run.run_id} is {seen.run.status}: {steps}."
    return f"Run {seen.run.run_id} is {seen.run.status}."


def story(run: Run) -> str:
    """One line on a run that has ended: how long it waited and worked."""
    parts = []
    if (waited := _seconds(run.created_at, run.started_at)) is not None:
        parts.append(f"waited {waited:.0f} s for its turn")
    if (worked := _seconds(run.started_at, run.ended_at)) is not None:
        parts.append(f"worked for {worked:.0f} s")
    return f"Run {run.run_id} is {run.status}{': it ' if parts else ''}{' and '.join(parts)}."


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()


def _describe_automl(progress: AutoMLProgress, metric: str) -> str:
    """Phase, trials done, the best so far, time left."""
    parts = [f"{progress.trials_done} trial{'' if progress.trials_done == 1 else 's'} done"]
    if progress.trials_failed:
        parts[0] += f" ({progress.trials_failed} failed)"
    if progress.best_score is not None:
        parts.append(f"best so far {progress.best_algorithm} with {metric} {progress.best_score:.5f}")
    parts.append(f"{progress.seconds_left:.0f} s left")
    return f"AutoML, {progress.phase}: {', '.join(parts)}"
