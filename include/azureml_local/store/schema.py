"""The tables of `metadata.db`. Everything that can be computed (URLs, states of processes) is not stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Enum, ForeignKey, Index, TypeDecorator, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from azureml_workspace.statuses import PipelineStatus, RunStatus, ServiceState

SCHEMA_VERSION = 3
"""What changed from one to the next is in `migrations.py`."""


SPENT = (RunStatus.FAILED, RunStatus.CANCELED, RunStatus.CANCEL_REQUESTED)
"""A submission key whose run is one of these submits anew: a run that is being cancelled will give no result."""
_LIVE_KEY = text(f"status NOT IN ({', '.join(repr(status.value) for status in SPENT)})")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. SQLite has no time zones, so the type gives back what every writer put in: UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the naive UTC that SQLite keeps."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To an aware moment."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        # As text with the names Azure uses, so that the file can be read by a person with `sqlite3`.
        RunStatus: Enum(RunStatus, native_enum=False, length=20, values_callable=list),
        ServiceState: Enum(ServiceState, native_enum=False, length=20, values_callable=list),
        PipelineStatus: Enum(PipelineStatus, native_enum=False, length=20, values_callable=list),
    }


class DatasetRow(Base):
    """One dataset version. `storage_key` names its folder: the content and how it was read."""

    __tablename__ = "dataset_versions"
    __table_args__ = (UniqueConstraint("name", "storage_key"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    storage_key: Mapped[str]
    fingerprint: Mapped[str]
    separator: Mapped[str]
    encoding: Mapped[str]
    rows: Mapped[int]
    columns: Mapped[list[dict[str, Any]]]
    tags: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ComputeRow(Base):
    """One compute target."""

    __tablename__ = "compute_targets"

    name: Mapped[str] = mapped_column(primary_key=True)
    vm_size: Mapped[str]
    min_nodes: Mapped[int]
    max_nodes: Mapped[int]
    idle_seconds: Mapped[int]


class RunRow(Base):
    """One AutoML run. `number` is its place in the queue; `events_read` is how far events.jsonl has been taken in.

    `parent_run_id` is the pipeline run that it is a step of.
    """

    __tablename__ = "runs"
    __table_args__ = (
        # A key finds at most one run that has not failed and was not cancelled, whatever the threads do.
        Index(
            "ix_runs_live_submission_key",
            "submission_key",
            unique=True,
            sqlite_where=_LIVE_KEY,
        ),
        # A pipeline run has one AutoML run, however often the server was killed around its submission.
        Index("ix_runs_parent_run_id", "parent_run_id", unique=True),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(unique=True)
    parent_run_id: Mapped[str | None]
    experiment_name: Mapped[str] = mapped_column(index=True)
    submission_key: Mapped[str]
    compute_target: Mapped[str]
    storage_key: Mapped[str]
    settings: Mapped[dict[str, Any]]
    status: Mapped[RunStatus] = mapped_column(index=True)
    phase: Mapped[str]
    error: Mapped[str]
    properties: Mapped[dict[str, Any]]
    events_read: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ChildRow(Base):
    """One trial of an AutoML run."""

    __tablename__ = "child_runs"

    parent_run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"), primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    algorithm: Mapped[str]
    status: Mapped[RunStatus]
    score: Mapped[float | None]
    duration_seconds: Mapped[float]
    metrics: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    error: Mapped[str]


class ModelRow(Base):
    """One model version."""

    __tablename__ = "model_versions"
    __table_args__ = (UniqueConstraint("name", "run_id"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str]
    tags: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ServiceRow(Base):
    """One web service. `wanted` is the deployment asked for, `live` the last one its process took up, if any.

    `generation` counts what was asked of the process (`service.json`); `refused` says why the latest update was not
    taken up while `live` goes on serving.
    """

    __tablename__ = "services"

    name: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    port: Mapped[int] = mapped_column(unique=True)
    generation: Mapped[int]
    state: Mapped[ServiceState]
    error: Mapped[str]
    refused: Mapped[str]
    app_insights_enabled: Mapped[bool]
    tags: Mapped[dict[str, Any]]
    wanted: Mapped[dict[str, Any]]
    live: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PipelineEndpointRow(Base):
    """The name of a pipeline, its stable address (`endpoint_id`) and the version that this submits."""

    __tablename__ = "pipeline_endpoints"

    name: Mapped[str] = mapped_column(primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(unique=True)
    default_version: Mapped[int]
    created_at: Mapped[datetime]


class PipelineRow(Base):
    """One published version of a pipeline."""

    __tablename__ = "published_pipelines"
    __table_args__ = (UniqueConstraint("name", "version"),)

    pipeline_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ForeignKey("pipeline_endpoints.name"))
    version: Mapped[int]
    status: Mapped[PipelineStatus]
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class PipelineRunRow(Base):
    """One run of a published pipeline.

    `settings` are those of its AutoML step, with the dataset version that the submission came to; `assignments` are the
    parameters as given, `parameters` all of them as they are in effect.
    """

    __tablename__ = "pipeline_runs"
    __table_args__ = (
        Index(
            "ix_pipeline_runs_live_submission_key",
            "submission_key",
            unique=True,
            sqlite_where=_LIVE_KEY,
        ),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(unique=True)
    pipeline_id: Mapped[str] = mapped_column(ForeignKey("published_pipelines.pipeline_id"), index=True)
    experiment_name: Mapped[str] = mapped_column(index=True)
    submission_key: Mapped[str | None]
    settings: Mapped[dict[str, Any]]
    assignments: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    run_source: Mapped[str]
    description: Mapped[str]
    tags: Mapped[dict[str, Any]]
    status: Mapped[RunStatus] = mapped_column(index=True)
    error: Mapped[str]
    properties: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class StepRow(Base):
    """One step of a pipeline run, in the order of `position`. `run_id` is None until it starts."""

    __tablename__ = "pipeline_steps"

    parent_run_id: Mapped[str] = mapped_column(ForeignKey("pipeline_runs.run_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    run_id: Mapped[str | None] = mapped_column(unique=True)
    status: Mapped[RunStatus]
    error: Mapped[str]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class DocumentRow(Base):
    """One document of the workspace's users. `content` is its JSON text."""

    __tablename__ = "documents"

    path: Mapped[str] = mapped_column(primary_key=True)
    etag: Mapped[str]
    content: Mapped[str]
    updated_at: Mapped[datetime]
