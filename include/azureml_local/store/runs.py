"""Runs and child runs: the queue, what is known of each run, and its changes of status."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from azureml_local.jobs.files import JobNews
from azureml_local.store.computes import require_compute
from azureml_local.store.database import Database
from azureml_local.store.links import Links
from azureml_local.store.run_rows import end_row, find_run, find_submitted_run
from azureml_local.store.schema import ChildRow, ComputeRow, RunRow
from azureml_local.store.trials import child_run, trial_row
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import AutoMLProgress, AutoMLSettings, ChildRun, Run
from azureml_workspace.statuses import ACTIVE_RUN_STATUSES, RunStatus

RUN_TYPE = "automl"

STARTS, RESTARTED_AT = "starts", "restarted_at"
"""Properties of a run whose job was started more than once: how often, and when last (ISO 8601)."""


@dataclass(frozen=True, kw_only=True)
class ActiveRun:
    """What the dispatcher needs to know of a run that has not ended."""

    run_id: str
    status: RunStatus
    storage_key: str
    settings: AutoMLSettings
    max_nodes: int
    events_read: int
    starts: int


class RunStore:
    """The runs of this workspace."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links

    # What people ask

    def find_submitted(self, submission_key: str) -> Run | None:
        """The run that this key submitted and that may still give (or gave) a result."""
        with self._database.read() as session:
            row = find_submitted_run(session, RunRow, submission_key)
            return None if row is None else self._record(row)

    def find_step(self, parent_run_id: str) -> Run | None:
        """The run that is the AutoML step of this pipeline run, however it ended."""
        with self._database.read() as session:
            row = session.scalar(select(RunRow).where(RunRow.parent_run_id == parent_run_id))
            return None if row is None else self._record(row)

    def submit(
        self,
        settings: AutoMLSettings,
        submission_key: str,
        storage_key: str,
        *,
        parent_run_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[Run, bool]:
        """Put a run at the end of the queue, or find the one of this key; the flag tells whether it is new.

        `run_id`: what somebody was told already that a new run will be called (`new_run_id`).

        :raises InvalidRequest: the key is empty. :raises NotFound: no such compute target.
        """
        if not submission_key.strip():
            raise InvalidRequest("submission_key is empty; give the same key again when you repeat a submission.")
        with self._database.write() as session:
            found = find_submitted_run(session, RunRow, submission_key)
            if found is not None:
                return self._record(found), False
            require_compute(session, settings.compute_target)
            row = RunRow(
                run_id=run_id or new_run_id(),
                parent_run_id=parent_run_id,
                experiment_name=settings.experiment_name,
                submission_key=submission_key,
                compute_target=settings.compute_target,
                storage_key=storage_key,
                settings=settings.to_dict(),
                status=RunStatus.NOT_STARTED,
                phase="",
                error="",
                properties=_first_properties(settings),
                events_read=0,
                created_at=datetime.now(UTC),
            )
            session.add(row)
            session.flush()
            return self._record(row), True

    def get(self, run_id: str) -> Run:
        """:raises NotFound:"""
        with self._database.read() as session:
            return self._record(_require(session, run_id))

    def settings(self, run_id: str) -> AutoMLSettings:
        """What the run was asked for. :raises NotFound:"""
        with self._database.read() as session:
            return AutoMLSettings.from_dict(_require(session, run_id).settings)

    def list_all(self, experiment: str | None = None) -> list[Run]:
        """Runs, the newest first; those of one experiment when it is named."""
        query = select(RunRow).order_by(RunRow.number.desc())
        if experiment is not None:
            query = query.where(RunRow.experiment_name == experiment)
        with self._database.read() as session:
            return [self._record(row) for row in session.scalars(query)]

    def children(self, run_id: str) -> list[ChildRun]:
        """The trials so far, by iteration. :raises NotFound:"""
        with self._database.read() as session:
            _require(session, run_id)
            return [child_run(row) for row in _children(session, run_id)]

    def progress(self, run_id: str) -> AutoMLProgress:
        """How far the run is. :raises NotFound:"""
        with self._database.read() as session:
            row = _require(session, run_id)
            children = _children(session, run_id)
        scored = [child for child in children if child.score is not None]
        best = max(scored, key=lambda child: child.score or 0.0, default=None)
        started, end = _last_start(row), row.ended_at or datetime.now(UTC)
        return AutoMLProgress(
            run_id=run_id,
            phase=row.phase or row.status.value,
            trials_done=len(children),
            trials_failed=sum(child.status is RunStatus.FAILED for child in children),
            best_score=best.score if best else None,
            best_algorithm=best.algorithm if best else None,
            elapsed_seconds=(end - started).total_seconds() if started else 0.0,
            time_limit_seconds=AutoMLSettings.from_dict(row.settings).experiment_timeout_minutes * 60,
        )

    def request_cancel(self, run_id: str) -> Run:
        """Mark a run for cancellation; one that waits ends at once, one that ended stays. :raises NotFound:"""
        with self._database.write() as session:
            row = _require(session, run_id)
            if row.status in (RunStatus.NOT_STARTED, RunStatus.QUEUED):
                end_row(row, RunStatus.CANCELED, "cancelled before it started")
            elif row.status in ACTIVE_RUN_STATUSES:
                row.status = RunStatus.CANCEL_REQUESTED
            return self._record(row)

    # What the dispatcher does

    def active(self) -> list[ActiveRun]:
        """Every run that has not ended, in the order of submission."""
        query = (
            select(RunRow, ComputeRow.max_nodes)
            .join(ComputeRow, ComputeRow.name == RunRow.compute_target)
            .where(RunRow.status.in_(ACTIVE_RUN_STATUSES))
            .order_by(RunRow.number)
        )
        with self._database.read() as session:
            return [_active_record(row, max_nodes) for row, max_nodes in session.execute(query)]

    def advance(self, run_id: str, status: RunStatus) -> bool:
        """Move a run on, unless it was cancelled or ended meanwhile; tells whether it was moved."""
        with self._database.write() as session:
            row = _require(session, run_id)
            if row.status not in ACTIVE_RUN_STATUSES or row.status is RunStatus.CANCEL_REQUESTED:
                return False
            row.status = status
            if status is RunStatus.PREPARING and row.started_at is None:
                row.started_at = datetime.now(UTC)
            return True

    def start_again(self, run_id: str, most: int) -> bool:
        """Forget what a lost job said, for another start; False when it was cancelled, or `most` starts are used up."""
        with self._database.write() as session:
            row = _require(session, run_id)
            starts = _starts(row)
            if row.status not in ACTIVE_RUN_STATUSES - {RunStatus.CANCEL_REQUESTED} or starts >= most:
                return False
            session.execute(delete(ChildRow).where(ChildRow.parent_run_id == run_id))
            row.status, row.phase, row.events_read = RunStatus.PREPARING, "", 0
            now = datetime.now(UTC).isoformat()
            row.properties = {**row.properties, STARTS: str(starts + 1), RESTARTED_AT: now}
            return True

    def put_back(self, run_id: str) -> None:
        """Make a run that is under way wait again, as if its job had never started."""
        with self._database.write() as session:
            row = _require(session, run_id)
            session.execute(delete(ChildRow).where(ChildRow.parent_run_id == run_id))
            row.status, row.phase, row.events_read, row.started_at = RunStatus.QUEUED, "", 0, None
            row.properties = {name: value for name, value in row.properties.items() if name != RESTARTED_AT}

    def take_news(self, run_id: str, news: JobNews) -> None:
        """Store what a job said, and how far it was read, in one step."""
        with self._database.write() as session:
            row = _require(session, run_id)
            row.events_read = news.events_read
            row.phase = news.phase or row.phase
            for trial in news.trials:
                session.merge(trial_row(run_id, trial))

    def finish(self, run_id: str, status: RunStatus, error: str, properties: dict[str, str] | None = None) -> Run:
        """End a run; a run that has ended already stays as it is."""
        with self._database.write() as session:
            row = _require(session, run_id)
            if row.status in ACTIVE_RUN_STATUSES:
                end_row(row, status, error)
                row.properties = {**row.properties, **(properties or {})}
            return self._record(row)

    def _record(self, row: RunRow) -> Run:
        return Run(
            run_id=row.run_id,
            experiment_name=row.experiment_name,
            run_type=RUN_TYPE,
            status=row.status,
            created_at=row.created_at,
            portal_url=self._links.run(row.run_id),
            started_at=row.started_at,
            ended_at=row.ended_at,
            submission_key=row.submission_key,
            parent_run_id=row.parent_run_id,
            error=row.error,
            properties=row.properties,
        )


def new_run_id() -> str:
    """An id in Azure's form."""
    return f"AutoML_{uuid.uuid4()}"


def _require(session: Session, run_id: str) -> RunRow:
    row = find_run(session, RunRow, run_id)
    if row is None:
        raise NotFound(f"there is no run {run_id!r}.")
    return row


def _children(session: Session, run_id: str) -> Sequence[ChildRow]:
    return session.scalars(select(ChildRow).where(ChildRow.parent_run_id == run_id).order_by(ChildRow.iteration)).all()


def _starts(row: RunRow) -> int:
    return int(row.properties.get(STARTS, 1))


def _last_start(row: RunRow) -> datetime | None:
    """When the job was started that is at work: its time limit is counted from there."""
    restarted = row.properties.get(RESTARTED_AT)
    return row.started_at if restarted is None else datetime.fromisoformat(restarted)


def _first_properties(settings: AutoMLSettings) -> dict[str, str]:
    return {
        "dataset": f"{settings.dataset_name}:{settings.dataset_version}",
        "label_column_name": settings.label_column_name,
        "primary_metric": settings.primary_metric,
        "compute_target": settings.compute_target,
    }


def _active_record(row: RunRow, max_nodes: int) -> ActiveRun:
    return ActiveRun(
        run_id=row.run_id,
        status=row.status,
        storage_key=row.storage_key,
        settings=AutoMLSettings.from_dict(row.settings),
        max_nodes=max_nodes,
        events_read=row.events_read,
        starts=_starts(row),
    )
