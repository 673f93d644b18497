"""An AutoML run: how far it is, its trials, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.views.log import LogTail
from azureml_workspace.statuses import RunStatus

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import AutoMLProgress, AutoMLResult, ChildRun, Run

LOG = "logs/job.log"
MOST_TRIALS = 200
"""Rows of the leaderboard; a search of a thousand trials is read from its top."""


@dataclass(frozen=True, kw_only=True)
class AutoMLView:
    """`progress` is there while the run is active, `result` once it is completed.

    `trials` are the best ones first, those without a score last; `trials_count` counts all.
    """

    metric: str
    progress: AutoMLProgress | None
    trials: tuple[ChildRun, ...]
    trials_count: int
    result: AutoMLResult | None
    files: tuple[str, ...]
    log: LogTail | None

    @classmethod
    def read(cls, workspace: Workspace, run: Run) -> AutoMLView:
        """Ask the workspace. :raises WorkspaceError:"""
        result = workspace.automl_result(run.run_id) if run.status is RunStatus.COMPLETED else None
        trials = sorted(workspace.list_child_runs(run.run_id), key=_rank)
        return cls(
            metric=result.primary_metric if result else run.properties.get("primary_metric", "score"),
            progress=None if run.status.is_terminal else workspace.automl_progress(run.run_id),
            trials=tuple(trials[:MOST_TRIALS]),
            trials_count=len(trials),
            result=result,
            files=tuple(workspace.list_run_files(run.run_id)) if run.status.is_terminal else (),
            log=LogTail.read(workspace, run.run_id, LOG),
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
