"""Routes of web services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from azureml_local.server.dependencies import WorkspaceDependency, require_same_name
from azureml_workspace.records import (
    MAX_INPUT_ROWS,
    DeploySettings,
    InputSample,
    RequestSummary,
    ServiceKeys,
    WebService,
)

router = APIRouter(prefix="/v1/services", tags=["web services"])

_LONGEST_SECONDS = 100 * 365 * 24 * 3600
"""A hundred years; a window that began before the calendar has no start to show."""


@dataclass(frozen=True, kw_only=True)
class InsightsSwitch:
    """Body of the Application Insights switch."""

    enabled: bool


@dataclass(frozen=True, kw_only=True)
class KeyChoice:
    """Body of a key's renewal: which of the two."""

    secondary: bool = False


@dataclass(frozen=True, kw_only=True)
class LogText:
    """A log."""

    text: str


@router.put("/{name}")
def deploy(name: str, settings: DeploySettings, workspace: WorkspaceDependency) -> WebService:
    """Start creating the service, or updating it in place."""
    require_same_name("service", name, settings.service_name)
    return workspace.services.deploy(settings)


@router.get("")
def list_services(workspace: WorkspaceDependency) -> list[WebService]:
    """All services, by name."""
    return workspace.services.list_all()


@router.get("/{name}")
def get_service(name: str, workspace: WorkspaceDependency) -> WebService:
    """One service."""
    return workspace.services.get(name)


@router.delete("/{name}")
def delete_service(name: str, workspace: WorkspaceDependency) -> WebService | None:
    """Stop and remove the service; answers what it was, null when there was none."""
    return workspace.services.delete(name)


@router.put("/{name}/insights")
def set_insights(name: str, switch: InsightsSwitch, workspace: WorkspaceDependency) -> WebService:
    """Switch request telemetry on or off."""
    return workspace.services.set_app_insights(name, enabled=switch.enabled)


@router.get("/{name}/logs")
def get_logs(name: str, workspace: WorkspaceDependency, tail: Annotated[int, Query(ge=1, le=100_000)] = 200) -> LogText:
    """The last lines of the service's log."""
    return LogText(text=workspace.services.logs(name, tail))


@router.get("/{name}/requests")
def get_requests(
    name: str,
    workspace: WorkspaceDependency,
    since_seconds: Annotated[float | None, Query(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)] = None,
) -> RequestSummary:
    """Telemetry of the last seconds, of everything kept when no time is given."""
    return workspace.services.requests(name, since_seconds)


@router.get("/{name}/inputs")
def get_inputs(
    name: str,
    workspace: WorkspaceDependency,
    since_seconds: Annotated[float, Query(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)],
    limit: Annotated[int, Query(ge=1, le=MAX_INPUT_ROWS)] = 2000,
) -> InputSample:
    """Some of the rows of the last seconds."""
    return workspace.services.inputs(name, since_seconds, limit)


@router.post("/{name}/keys")
def get_keys(name: str, workspace: WorkspaceDependency) -> ServiceKeys:
    """Both keys. POST, as on Azure: keys belong in no cache and no browser history."""
    return workspace.services.keys(name)


@router.post("/{name}/keys/regenerate")
def regenerate_key(name: str, choice: KeyChoice, workspace: WorkspaceDependency) -> ServiceKeys:
    """Replace one key."""
    return workspace.services.regenerate_key(name, secondary=choice.secondary)
