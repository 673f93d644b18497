"""Web services as they are remembered: what was asked for, what serves, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from azureml_local.scoring.config import ScriptConfig
from azureml_local.store.database import Database
from azureml_local.store.schema import ServiceRow
from azureml_workspace.records import DeploySettings
from azureml_workspace.statuses import ServiceState


@dataclass(frozen=True, kw_only=True)
class Deployment(DeploySettings):
    """What a service is asked to serve. `script` is somebody's own that serves the model, None for a package."""

    script: ScriptConfig | None = None


@dataclass(frozen=True, kw_only=True)
class StoredService:
    """One row; see `ServiceRow` for the fields. Tags and the insights switch stand beside the deployments, not in."""

    name: str
    host: str
    port: int
    generation: int
    state: ServiceState
    wanted: Deployment
    created_at: datetime
    updated_at: datetime
    app_insights_enabled: bool
    tags: dict[str, str]
    live: Deployment | None = None
    error: str = ""
    refused: str = ""


class ServiceStore:
    """The services of this workspace. Its one user, the service manager, locks each service while it changes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> StoredService | None:
        """The service, or None."""
        with self._database.read() as session:
            row = session.get(ServiceRow, name)
            return None if row is None else _stored(row)

    def list_all(self) -> list[StoredService]:
        """All services, by name."""
        with self._database.read() as session:
            return [_stored(row) for row in session.scalars(select(ServiceRow).order_by(ServiceRow.name))]

    def save(self, service: StoredService) -> None:
        """Insert the service or replace what was known of it."""
        with self._database.write() as session:
            session.merge(_row(service))

    def delete(self, name: str) -> None:
        """Forget the service."""
        with self._database.write() as session:
            row = session.get(ServiceRow, name)
            if row is not None:
                session.delete(row)


def _stored(row: ServiceRow) -> StoredService:
    return StoredService(
        name=row.name,
        host=row.host,
        port=row.port,
        generation=row.generation,
        state=row.state,
        wanted=Deployment.from_dict(row.wanted),
        created_at=row.created_at,
        updated_at=row.updated_at,
        app_insights_enabled=row.app_insights_enabled,
        tags=row.tags,
        live=_settings(row.live),
        error=row.error,
        refused=row.refused,
    )


def _settings(stored: dict[str, Any] | None) -> Deployment | None:
    return None if stored is None else Deployment.from_dict(stored)


def _row(service: StoredService) -> ServiceRow:
    return ServiceRow(
        name=service.name,
        host=service.host,
        port=service.port,
        generation=service.generation,
        state=service.state,
        wanted=service.wanted.to_dict(),
        created_at=service.created_at,
        updated_at=service.updated_at,
        app_insights_enabled=service.app_insights_enabled,
        tags=service.tags,
        live=None if service.live is None else service.live.to_dict(),
        error=service.error,
        refused=service.refused,
    )
