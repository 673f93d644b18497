"""What rows of AutoML runs and of pipeline runs have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from azureml_local.store.schema import SPENT, PipelineRunRow, RunRow, StepRow
from azureml_workspace.statuses import RunStatus

R = TypeVar("R", RunRow, PipelineRunRow)


def find_run(session: Session, kind: type[R], run_id: str) -> R | None:
    """The run of this id, or None."""
    return session.scalar(select(kind).where(kind.run_id == run_id))


def find_submitted_run(session: Session, kind: type[R], submission_key: str) -> R | None:
    """The run that this key submitted and that may still give (or gave) a result."""
    return session.scalar(select(kind).where(kind.submission_key == submission_key, kind.status.not_in(SPENT)))


def end_row(row: RunRow | PipelineRunRow | StepRow, status: RunStatus, error: str) -> None:
    """Note how and when it ended."""
    row.status, row.error, row.ended_at = status, error, datetime.now(UTC)
