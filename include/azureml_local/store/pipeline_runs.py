"""Runs of published pipelines and their steps: what is known of each, and its changes of status."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from azureml_local.store.computes import require_compute
from azureml_local.store.database import Database
from azureml_local.store.links import Links
from azureml_local.store.pipeline_run_records import (
    PIPELINE_RUN,
    STEP_RUN,
    NewPipelineRun,
    StepEnd,
    StepStart,
    StoredPipelineRun,
)
from azureml_local.store.run_rows import end_row, find_run, find_submitted_run
from azureml_local.store.schema import PipelineRunRow, StepRow
from azureml_workspace.errors import NotFound
from azureml_workspace.records import AUTOML_STEP, AutoMLSettings, Run, StepRun
from azureml_workspace.statuses import ACTIVE_RUN_STATUSES, RunStatus


class PipelineRunStore:
    """The pipeline runs of this workspace."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links

    # What people ask

    def find_submitted(self, submission_key: str) -> Run | None:
        """The run that this key submitted and that may still give (or gave) a result."""
        with self._database.read() as session:
            row = find_submitted_run(session, PipelineRunRow, submission_key)
            return None if row is None else self._run(row)

    def submit(self, new: NewPipelineRun, steps: Iterable[str], submission_key: str | None) -> tuple[Run, bool]:
        """A new run with these steps, or the run of this key or of this id; the flag tells whether it is new.

        :raises NotFound: no such compute target.
        """
        with self._database.write() as session:
            found = None if submission_key is None else find_submitted_run(session, PipelineRunRow, submission_key)
            if found is None and new.run_id is not None:
                found = find_run(session, PipelineRunRow, new.run_id)
            if found is not None:
                return self._run(found), False
            require_compute(session, new.settings.compute_target)
            row = PipelineRunRow(
                run_id=new.run_id or str(uuid.uuid4()),
                pipeline_id=new.pipeline.pipeline_id,
                experiment_name=new.settings.experiment_name,
                submission_key=submission_key,
                settings=new.settings.to_dict(),
                assignments=dict(new.assignments),
                parameters=dict(new.parameters),
                run_source=new.run_source,
                description=new.description,
                tags=dict(new.tags),
                status=RunStatus.NOT_STARTED,
                error="",
                properties={**new.properties, **new.first_properties()},
                created_at=datetime.now(UTC),
            )
            session.add(row)
            session.flush()  # before the rows that refer to it
            for position, name in enumerate(steps):
                session.add(
                    StepRow(
                        parent_run_id=row.run_id, position=position, name=name, status=RunStatus.NOT_STARTED, error=""
                    )
                )
            return self._run(row), True

    def find(self, run_id: str) -> StoredPipelineRun | None:
        """The pipeline run of this id, or None."""
        with self._database.read() as session:
            row = find_run(session, PipelineRunRow, run_id)
            return None if row is None else self._stored(session, row)

    def find_step_run(self, run_id: str) -> Run | None:
        """The run of a step, or None; not of an AutoML step, which is a run of its own kind (`RunStore`)."""
        query = select(StepRow, PipelineRunRow).join(PipelineRunRow, PipelineRunRow.run_id == StepRow.parent_run_id)
        with self._database.read() as session:
            found = session.execute(query.where(StepRow.run_id == run_id, StepRow.name != AUTOML_STEP)).one_or_none()
            return None if found is None else self._step_as_run(*found)

    def list_all(self, experiment: str | None = None) -> list[Run]:
        """Pipeline runs, the newest first; those of one experiment when it is named."""
        query = select(PipelineRunRow).order_by(PipelineRunRow.number.desc())
        if experiment is not None:
            query = query.where(PipelineRunRow.experiment_name == experiment)
        with self._database.read() as session:
            return [self._run(row) for row in session.scalars(query)]

    def request_cancel(self, run_id: str) -> None:
        """Mark a run for cancellation; one that ended stays. :raises NotFound:"""
        with self._database.write() as session:
            row = _require(session, run_id)
            if row.status in ACTIVE_RUN_STATUSES:
                row.status = RunStatus.CANCEL_REQUESTED

    # What the orchestrator does

    def active(self) -> list[StoredPipelineRun]:
        """Every run that has not ended, in the order of submission."""
        query = select(PipelineRunRow).where(PipelineRunRow.status.in_(ACTIVE_RUN_STATUSES))
        with self._database.read() as session:
            rows = session.scalars(query.order_by(PipelineRunRow.number)).all()
            return [self._stored(session, row) for row in rows]

    def start_step(self, run_id: str, start: StepStart, properties: Mapping[str, str]) -> None:
        """Note that a step began, as which run; the pipeline run is Running with its first step."""
        with self._database.write() as session:
            row, step = _require(session, run_id), _require_step(session, run_id, start.name)
            step.run_id, step.status, step.started_at = start.run_id, start.status, start.started_at
            row.properties = {**row.properties, **properties}
            row.started_at = row.started_at or datetime.now(UTC)  # also of one that was cancelled just now
            if row.status is RunStatus.NOT_STARTED:
                row.status = RunStatus.RUNNING

    def advance_step(self, run_id: str, name: str, status: RunStatus, started_at: datetime | None) -> None:
        """Note a step's status, and since when it is at work."""
        with self._database.write() as session:
            step = _require_step(session, run_id, name)
            step.status, step.started_at = status, started_at

    def end_step(self, run_id: str, end: StepEnd, properties: Mapping[str, str]) -> None:
        """Note the end of a step after which the pipeline run goes on."""
        with self._database.write() as session:
            row = _require(session, run_id)
            _end_step(_require_step(session, run_id, end.name), end)
            row.properties = {**row.properties, **properties}

    def complete(self, run_id: str, last_step: StepEnd, properties: Mapping[str, str]) -> Run:
        """End a run by the end of its last step, which is done.

        One that was cancelled meanwhile ends as Canceled: its submission key may be another run's by now.
        """
        with self._database.write() as session:
            row = _require(session, run_id)
            if row.status in ACTIVE_RUN_STATUSES:
                _end_step(_require_step(session, run_id, last_step.name), last_step)
                row.properties = {**row.properties, **properties}
                if row.status is RunStatus.CANCEL_REQUESTED:
                    end_row(row, RunStatus.CANCELED, "cancelled on request, when all its steps were done")
                else:
                    end_row(row, RunStatus.COMPLETED, "")
            return self._run(row)

    def finish(self, run_id: str, status: RunStatus, error: str, step: StepEnd | None = None) -> Run:
        """End a run without a result, by that step's end; steps that have not ended are Canceled.

        A run that has ended already stays as it is.
        """
        with self._database.write() as session:
            row = _require(session, run_id)
            if row.status in ACTIVE_RUN_STATUSES:
                for found in _steps(session, run_id):
                    if step is not None and found.name == step.name:
                        _end_step(found, step)
                    elif found.status in ACTIVE_RUN_STATUSES:
                        why = "did not start" if found.run_id is None else "was stopped"
                        end = StepEnd(name=found.name, status=RunStatus.CANCELED, error=f"{why}: {error}")
                        _end_step(found, end)
                end_row(row, status, error)
            return self._run(row)

    def _stored(self, session: Session, row: PipelineRunRow) -> StoredPipelineRun:
        return StoredPipelineRun(
            run=self._run(row),
            pipeline_id=row.pipeline_id,
            settings=AutoMLSettings.from_dict(row.settings),
            assignments=row.assignments,
            parameters=row.parameters,
            run_source=row.run_source,
            description=row.description,
            tags=row.tags,
            steps=[self._step(step) for step in _steps(session, row.run_id)],
        )

    def _run(self, row: PipelineRunRow) -> Run:
        return Run(
            run_id=row.run_id,
            experiment_name=row.experiment_name,
            run_type=PIPELINE_RUN,
            status=row.status,
            created_at=row.created_at,
            portal_url=self._links.run(row.run_id),
            started_at=row.started_at,
            ended_at=row.ended_at,
            submission_key=row.submission_key,
            error=row.error,
            properties=row.properties,
        )

    def _step(self, row: StepRow) -> StepRun:
        return StepRun(
            name=row.name,
            parent_run_id=row.parent_run_id,
            run_id=row.run_id,
            status=row.status,
            started_at=row.started_at,
            ended_at=row.ended_at,
            error=row.error,
            portal_url="" if row.run_id is None else self._links.run(row.run_id),
        )

    def _step_as_run(self, step: StepRow, parent: PipelineRunRow) -> Run:
        return Run(
            run_id=step.run_id or "",
            experiment_name=parent.experiment_name,
            run_type=STEP_RUN,
            status=step.status,
            created_at=step.started_at or parent.created_at,
            portal_url=self._links.run(step.run_id or ""),
            started_at=step.started_at,
            ended_at=step.ended_at,
            parent_run_id=parent.run_id,
            error=step.error,
            properties={"step": step.name},
        )


def _require(session: Session, run_id: str) -> PipelineRunRow:
    row = find_run(session, PipelineRunRow, run_id)
    if row is None:
        raise NotFound(f"there is no pipeline run {run_id!r}.")
    return row


def _steps(session: Session, run_id: str) -> Sequence[StepRow]:
    return session.scalars(select(StepRow).where(StepRow.parent_run_id == run_id).order_by(StepRow.position)).all()


def _require_step(session: Session, run_id: str, name: str) -> StepRow:
    return session.scalars(select(StepRow).where(StepRow.parent_run_id == run_id, StepRow.name == name)).one()


def _end_step(row: StepRow, end: StepEnd) -> None:
    end_row(row, end.status, end.error)
    row.started_at = row.started_at or end.started_at
