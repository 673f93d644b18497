"""Routes of registered models."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import APIRouter

from azureml_local.server.dependencies import VersionInQuery, WorkspaceDependency
from azureml_workspace.records import ModelVersion

router = APIRouter(prefix="/v1/models", tags=["models"])


@dataclass(frozen=True, kw_only=True)
class ModelRegistration:
    """Body of a registration."""

    run_id: str
    tags: dict[str, str] = field(default_factory=dict)


@router.post("/{name}/versions")
def register_model(name: str, registration: ModelRegistration, workspace: WorkspaceDependency) -> ModelVersion:
    """Register the best model of a completed run, or find the version that it is."""
    return workspace.register_model(name, registration.run_id, registration.tags)


@router.get("")
def list_models(workspace: WorkspaceDependency) -> list[ModelVersion]:
    """Every model version, by name and version."""
    return workspace.models.list_all()


@router.get("/{name}/versions")
def list_versions(name: str, workspace: WorkspaceDependency) -> list[ModelVersion]:
    """Every version of one model, the oldest first."""
    return workspace.models.list_all(name)


@router.get("/{name}")
def get_model(name: str, workspace: WorkspaceDependency, version: VersionInQuery = None) -> ModelVersion:
    """One version, the latest when none is named."""
    return workspace.models.get(name, version)
