"""Registered models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from azureml_workspace.azure_v1.automl_documents import DATASET_PROPERTY, ROWS_PROPERTY
from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.history import HistoryRun, RunHistory
from azureml_workspace.azure_v1.times import moment
from azureml_workspace.errors import NotFound, RunFailed
from azureml_workspace.records import ModelVersion, validate_model_name
from azureml_workspace.segments import segment
from azureml_workspace.statuses import RunStatus
from azureml_workspace.texts import require_encodable

RUN_PROPERTY = "automl_run_id"
"""Property of a model that names the AutoML run; Azure's own `runId` is that of the run's best child."""
_TRIAL = re.compile(r"(AutoML_[0-9a-f-]{36})_\d+")
_JSON_PATCH = "application/json-patch+json"
_PAGE = 255


class ModelCalls:
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    _azure: AzureConnection

    def register_model(self, name: str, run_id: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Register the best child's model, with where it comes from as its properties."""
        validate_model_name(name)
        require_encodable(tags, "tags")
        history = RunHistory(self._azure)
        run = _completed_run(history, run_id)
        wanted = dict(tags or {})
        found = next((model for model in _versions(self._azure, name) if model.run_id == run_id), None)
        if found is not None:
            return self._add_tags(found, wanted)
        version = self._azure.sdk.call(
            "register_model",
            {"name": name, "run_id": _best_child_of(history, run), "tags": wanted, "properties": _origin(run)},
        )
        return self.get_model(name, int(version))

    def get_model(self, name: str, version: int | None = None) -> ModelVersion:
        """Read one version, or the newest."""
        return find_model(self._azure, name, version)

    def list_model_versions(self, name: str) -> list[ModelVersion]:
        """Read them all, page by page."""
        validate_model_name(name)
        return sorted(_versions(self._azure, name), key=lambda model: model.version)

    def list_model_names(self) -> list[str]:
        """Read the newest version of each, page by page."""
        return sorted({str(found["name"]) for found in _pages(self._azure, {"latestVersionOnly": "true"})})

    def _add_tags(self, model: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        merged = {**model.tags, **tags}
        if merged == model.tags:
            return model
        changed = self._azure.json(
            "PATCH",
            "modelmanagement",
            f"/models/{_model_id(model.name, model.version)}",
            body=[{"op": "replace", "path": "/kvTags", "value": merged}],
            content_type=_JSON_PATCH,
            repeatable=True,
        )
        return model_version(changed)


def find_model(azure: AzureConnection, name: str, version: int | None) -> ModelVersion:
    """One version, the newest when `version` is None. :raises NotFound:"""
    if version is not None:
        return model_version(azure.json("GET", "modelmanagement", f"/models/{_model_id(name, version)}"))
    newest = max(_versions(azure, name, latest_only=True), key=lambda model: model.version, default=None)
    if newest is None:
        raise NotFound(f"there is no model {name!r}; register it first, or check the name.")
    return newest


def model_version(found: Mapping[str, Any]) -> ModelVersion:
    """Azure's model as the record."""
    run_id = str((found.get("properties") or {}).get(RUN_PROPERTY) or found.get("runId") or "")
    trial = _TRIAL.fullmatch(run_id)
    return ModelVersion(
        name=str(found["name"]),
        version=int(found["version"]),
        run_id=trial[1] if trial else run_id,
        created_at=moment(str(found["createdTime"])),
        tags=dict(found.get("kvTags") or {}),
    )


def _completed_run(history: RunHistory, run_id: str) -> HistoryRun:
    """:raises RunFailed: it has not completed. :raises NotFound:"""
    run = history.get(run_id)
    if run.status is not RunStatus.COMPLETED:
        raise RunFailed(f"run {run_id} is {run.status.value}; only a completed run has a model to register.")
    return run


def _best_child_of(history: RunHistory, run: HistoryRun) -> str:
    """:raises RunFailed: it has none."""
    best = history.best_child(run)
    if best is None:
        raise RunFailed(f"run {run.run_id}, of type {run.kind}, names no best child, so it has no model.")
    return best


def _versions(azure: AzureConnection, name: str, *, latest_only: bool = False) -> Iterator[ModelVersion]:
    query = {"name": name, "latestVersionOnly": "true" if latest_only else None}
    # Held to the name here too: how Azure compares it is not documented.
    yield from (model_version(found) for found in _pages(azure, query) if found["name"] == name)


def _pages(azure: AzureConnection, query: Mapping[str, str | None]) -> Iterator[Mapping[str, Any]]:
    token: str | None = None
    while True:
        page = azure.json("GET", "modelmanagement", "/models", query={**query, "count": _PAGE, "$skipToken": token})
        yield from page["value"]
        token = page.get("continuationToken")
        if not token:
            return


def _origin(run: HistoryRun) -> dict[str, str]:
    """Properties of the model: they show in Azure ML Studio, and nobody changes them later."""
    known = {
        RUN_PROPERTY: run.run_id,
        "dataset": run.properties.get(DATASET_PROPERTY),
        "dataset_rows": run.properties.get(ROWS_PROPERTY),
        "primary_metric": run.properties.get("primary_metric"),
        "best_score": run.tags.get("best_score"),
    }
    return {name: value for name, value in known.items() if value}


def _model_id(name: str, version: int) -> str:
    return segment("model", f"{name}:{version}")
