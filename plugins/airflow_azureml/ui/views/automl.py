"""An AutoML run: how far it is, its trials, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.views.details import AutoMLDetails, trials_chart
from airflow_azureml.ui.views.log import LogTail
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_azureml.ui.charts.chart import Chart
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.records import AutoMLProgress, AutoMLResult, ChildRun, Run

LOG = "logs/job.log"
MOST_TRIALS = 200
"""Rows of the leaderboard; a search of a thousand trials is read from its top."""


@dataclass(frozen=True, kw_only=True)
class AutoMLView:
    """`progress` is there while the run is active, `result` once it is completed.

    `trials` are the best ones first, those without a score last; `trials_count` counts all. `details` are there with
    the result.
    """

    metric: str
    progress: AutoMLProgress | None
    trials: tuple[ChildRun, ...]
    trials_count: int
    result: AutoMLResult | None
    files: tuple[str, ...]
    log: LogTail | None
    details: AutoMLDetails | None = None
    scores: Chart | None = None

    @classmethod
    def read(cls, reading: Reading, run: Run, now: datetime) -> AutoMLView:
        """Ask the workspace. :raises WorkspaceError:"""
        progress = result = files = None
        if not run.status.is_terminal:
            progress = reading.part("progress", lambda workspace: workspace.automl_progress(run.run_id))
        if run.status is RunStatus.COMPLETED:
            result = reading.part("metrics", lambda workspace: workspace.automl_result(run.run_id))
        children = reading.part("child runs", lambda workspace: workspace.list_child_runs(run.run_id))
        trials = sorted(children or (), key=_rank)
        log = LogTail.read(reading, run, LOG, now)
        if run.status.is_terminal:
            files = reading.part("files", lambda workspace: workspace.list_run_files(run.run_id))
        details = None if result is None else AutoMLDetails.read(reading, run.run_id, files or ())
        metric = result.primary_metric if result else run.properties.get("primary_metric", "score")
        return cls(
            metric=metric,
            progress=progress,
            trials=tuple(trials[:MOST_TRIALS]),
            trials_count=len(trials),
            result=result,
            files=tuple(files or ()),
            log=log,
            details=details,
            scores=trials_chart(trials, metric),
        )

    @property
    def best_run_id(self) -> str | None:
        """The child that won, or leads so far."""
        if self.result is not None:
            return self.result.best_child_run_id
        leader = next(iter(self.trials), None)
        return leader.run_id if leader is not None and leader.score is not None else None


def metrics_in_order(result: AutoMLResult) -> list[tuple[str, float]]:
    """The primary metric, then the others by name."""
    return sorted(result.metrics.items(), key=lambda item: (item[0] != result.primary_metric, item[0].lower()))


def _rank(trial: ChildRun) -> tuple[bool, float, int]:
    return trial.score is None, -(trial.score or 0.0), trial.iteration
