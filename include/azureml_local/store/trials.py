"""Trials of an AutoML run: as a job tells them, as they are stored, and as child runs."""

from __future__ import annotations

from azureml_local.jobs.files import TrialEvent
from azureml_local.store.schema import ChildRow
from azureml_workspace.records import ChildRun


def trial_row(run_id: str, trial: TrialEvent) -> ChildRow:
    """What a job said of one trial, to be stored."""
    return ChildRow(
        parent_run_id=run_id,
        iteration=trial.iteration,
        algorithm=trial.algorithm,
        status=trial.status,
        score=trial.score,
        duration_seconds=trial.duration_seconds,
        metrics=trial.metrics,
        parameters=trial.parameters,
        error=trial.error or "",
    )


def child_run(row: ChildRow) -> ChildRun:
    """A stored trial as others see it."""
    return ChildRun(
        run_id=f"{row.parent_run_id}_{row.iteration}",
        parent_run_id=row.parent_run_id,
        iteration=row.iteration,
        algorithm=row.algorithm,
        status=row.status,
        score=row.score,
        duration_seconds=row.duration_seconds,
        metrics=row.metrics,
        parameters=row.parameters,
        error=row.error,
    )
