"""A run as lines in a log: how far it is, and in the end its story."""

from __future__ import annotations

import time
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

_WORKING = frozenset({RunStatus.RUNNING, RunStatus.FINALIZING})
_LONGEST_SECONDS_WITHOUT_DETAILS = 20.0
_WITHOUT_DETAILS_PER_WAITED = 0.2


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment. An AutoML run that works has `progress`, a pipeline's has `steps`."""

    run: Run
    progress: AutoMLProgress | None = None
    steps: tuple[StepRun, ...] = ()

    @classmethod
    def detailed(cls, workspace: Workspace, run: Run) -> Self:
        """`run` with how far it is, which takes further requests when it works."""
        if run.status not in _WORKING:
            return cls(run)
        if run.run_type == PIPELINE:
            return cls(run, steps=tuple(workspace.list_step_runs(run.run_id)))
        return cls(run, progress=workspace.automl_progress(run.run_id) if run.run_type == AUTOML else None)


class RunReader:
    """Looks at one run again and again; how far it is only now and then, because that takes further requests.

    That is: after a fifth of the time since the first look, 20 s at most.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._detailed_at = float("-inf")

    def read(self, workspace: Workspace, run_id: str) -> Snapshot:
        """One look."""
        return self.detailed(workspace, workspace.get_run(run_id))

    def detailed(self, workspace: Workspace, run: Run) -> Snapshot:
        """The run, which was just read, with how far it is when it is time for that."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        waited = now - self._since
        pause = min(waited * _WITHOUT_DETAILS_PER_WAITED, _LONGEST_SECONDS_WITHOUT_DETAILS)
        if run.status not in _WORKING or now - self._detailed_at < pause:
            return Snapshot(run)
        self._detailed_at = now
        return Snapshot.detailed(workspace, run)


class ProgressLog:
    """Called with each snapshot; logs those that say something new. A run that has ended has its `story` instead."""

    def __init__(self, log: Logger, metric: str) -> None:
        self._log = log
        self._metric = metric
        self._last: tuple[object, ...] = ()
        self._status: RunStatus | None = None

    def __call__(self, seen: Snapshot) -> None:
        """Log the snapshot unless it is no news. An AutoML run that works is news once a minute anyway."""
        progress = seen.progress
        if seen.run.status.is_terminal:
            return
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
