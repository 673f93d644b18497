"""Published pipelines: versions of definitions under a name, and the pipeline endpoint of that name."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from azureml_local.store.database import Database
from azureml_local.store.links import Links
from azureml_local.store.schema import PipelineEndpointRow, PipelineRow
from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.records import PipelineDefinition, PublishedPipeline
from azureml_workspace.statuses import PipelineStatus

UNPUBLISHED = "(unpublished)"
"""The name under which pipelines are kept that were submitted without being published. No pipeline can be called so."""


class PipelineStore:
    """The published pipelines of this workspace. A definition that was published never changes."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links

    def publish(self, definition: PipelineDefinition) -> tuple[PublishedPipeline, bool]:
        """The default version when it is active and has this definition, else the next one, made the default.

        The flag tells whether it is new.
        """
        with self._database.write() as session:
            endpoint = session.get(PipelineEndpointRow, definition.name)
            if endpoint is not None:
                current = _require_version(session, endpoint, None)
                if (
                    current.status is PipelineStatus.ACTIVE
                    and _definition(current).fingerprint == definition.fingerprint
                ):
                    return self._record(current, endpoint), False
            row, endpoint = _add(session, definition.name, definition, str(uuid.uuid4()))
            endpoint.default_version = row.version
            return self._record(row, endpoint), True

    def add(self, definition: PipelineDefinition, pipeline_id: str) -> PublishedPipeline:
        """The next version, whatever the ones before it say. It is the default only when it is the first."""
        with self._database.write() as session:
            return self._record(*_add(session, definition.name, definition, pipeline_id))

    def keep(self, definition: PipelineDefinition, pipeline_id: str) -> PublishedPipeline:
        """For one run that is not of a published pipeline; what is kept under this id already stays.

        `list_all` leaves it out.
        """
        with self._database.write() as session:
            row = session.get(PipelineRow, pipeline_id)
            if row is not None:
                return self._record(row, _endpoint(session, row))
            return self._record(*_add(session, UNPUBLISHED, definition, pipeline_id))

    def get(self, pipeline_id: str) -> PublishedPipeline:
        """:raises NotFound:"""
        with self._database.read() as session:
            row = _require(session, pipeline_id)
            return self._record(row, _endpoint(session, row))

    def find(self, name: str, version: int | None = None) -> PublishedPipeline:
        """One version, the default when none is named. :raises NotFound:"""
        with self._database.read() as session:
            endpoint = session.get(PipelineEndpointRow, name)
            if endpoint is None:
                raise NotFound(f"there is no published pipeline {name!r}; publish it first, or check the name.")
            return self._record(_require_version(session, endpoint, version), endpoint)

    def default_of(self, endpoint_id: str) -> PublishedPipeline:
        """What a pipeline endpoint submits. :raises NotFound: no such endpoint."""
        with self._database.read() as session:
            endpoint = session.scalar(select(PipelineEndpointRow).where(PipelineEndpointRow.endpoint_id == endpoint_id))
            if endpoint is None:
                raise NotFound(f"there is no pipeline endpoint {endpoint_id!r}; GET /v1/pipelines lists them.")
            return self._record(_require_version(session, endpoint, None), endpoint)

    def list_all(self, name: str | None = None) -> list[PublishedPipeline]:
        """Every version, by name and the newest first; those of one name when it is given."""
        query = (
            select(PipelineRow, PipelineEndpointRow)
            .join(PipelineEndpointRow, PipelineEndpointRow.name == PipelineRow.name)
            .where(PipelineRow.name != UNPUBLISHED)
            .order_by(PipelineRow.name, PipelineRow.version.desc())
        )
        if name is not None:
            query = query.where(PipelineRow.name == name)
        with self._database.read() as session:
            return [self._record(row, endpoint) for row, endpoint in session.execute(query)]

    def set_status(self, pipeline_id: str, status: PipelineStatus) -> PublishedPipeline:
        """Enable or disable one version. :raises NotFound:"""
        with self._database.write() as session:
            row = _require(session, pipeline_id)
            row.status = status
            return self._record(row, _endpoint(session, row))

    def set_default(self, pipeline_id: str) -> PublishedPipeline:
        """Make this version the default of its name. :raises NotFound: :raises Conflict: it is disabled."""
        with self._database.write() as session:
            row = _require(session, pipeline_id)
            if row.status is not PipelineStatus.ACTIVE:
                raise Conflict(
                    f"version {row.version} of pipeline {row.name!r} is {row.status.value}; enable it before you make "
                    "it the default."
                )
            endpoint = _endpoint(session, row)
            endpoint.default_version = row.version
            return self._record(row, endpoint)

    def _record(self, row: PipelineRow, endpoint: PipelineEndpointRow) -> PublishedPipeline:
        return PublishedPipeline(
            pipeline_id=row.pipeline_id,
            name=row.name,
            version=row.version,
            status=row.status,
            is_default=row.version == endpoint.default_version,
            endpoint=self._links.pipeline_submit(row.pipeline_id),
            pipeline_endpoint=self._links.endpoint_submit(endpoint.endpoint_id),
            definition=_definition(row),
            created_at=row.created_at,
            portal_url=self._links.pipeline(row.pipeline_id),
        )


def _add(
    session: Session, name: str, definition: PipelineDefinition, pipeline_id: str
) -> tuple[PipelineRow, PipelineEndpointRow]:
    now = datetime.now(UTC)
    version = (session.scalar(select(func.max(PipelineRow.version)).where(PipelineRow.name == name)) or 0) + 1
    endpoint = session.get(PipelineEndpointRow, name)
    if endpoint is None:
        endpoint = PipelineEndpointRow(
            name=name, endpoint_id=str(uuid.uuid4()), default_version=version, created_at=now
        )
        session.add(endpoint)
        session.flush()  # before the row that refers to it
    row = PipelineRow(
        pipeline_id=pipeline_id,
        name=name,
        version=version,
        status=PipelineStatus.ACTIVE,
        definition=definition.to_dict(),
        created_at=now,
    )
    session.add(row)
    return row, endpoint


def _definition(row: PipelineRow) -> PipelineDefinition:
    return PipelineDefinition.from_dict(row.definition)


def _require(session: Session, pipeline_id: str) -> PipelineRow:
    row = session.get(PipelineRow, pipeline_id)
    if row is None:
        raise NotFound(f"there is no published pipeline of id {pipeline_id!r}; GET /v1/pipelines lists them.")
    return row


def _require_version(session: Session, endpoint: PipelineEndpointRow, version: int | None) -> PipelineRow:
    wanted = endpoint.default_version if version is None else version
    row = session.scalar(select(PipelineRow).where(PipelineRow.name == endpoint.name, PipelineRow.version == wanted))
    if row is None:
        raise NotFound(f"there is no version {wanted} of pipeline {endpoint.name!r}; GET /v1/pipelines lists them.")
    return row


def _endpoint(session: Session, row: PipelineRow) -> PipelineEndpointRow:
    return session.scalars(select(PipelineEndpointRow).where(PipelineEndpointRow.name == row.name)).one()
