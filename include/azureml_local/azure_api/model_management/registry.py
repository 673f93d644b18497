"""Registered models: the engine's, with what Azure keeps of a model beside that."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azureml_local.azure_api.artifacts import Artifacts
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.model_management.json_patch import changed_fields
from azureml_local.azure_api.model_management.wire import (
    ASSET_URL,
    model_entity,
    model_id,
    split_model_id,
    timestamp,
    version_of_asset,
)
from azureml_local.azure_api.run_artifacts import run_file_name, split_run_file_name
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import ModelVersion, Run

_ASSET, _MODEL = "asset", "model"
_MODEL_FILE = "outputs/model.pkl"
_MODEL_PATHS = frozenset({_MODEL_FILE, "outputs", "outputs/model.onnx"})
_CHANGEABLE = frozenset(
    {"kvTags", "description", "properties", "datasets", "sampleInputData", "sampleOutputData", "resourceRequirements"}
)

Entity = dict[str, Any]


class ModelRegistry:
    """The models of the workspace as Azure shows them."""

    def __init__(self, surface: Surface) -> None:
        self._workspace = surface.workspace
        self._documents = surface.documents
        self._artifacts = Artifacts(surface)

    def create_asset(self, body: Document) -> Entity:
        """Remember which artifacts belong together. :raises InvalidRequest: none are named."""
        artifacts = [_artifact(found) for found in body.get("artifacts") or []]
        if not artifacts:
            raise InvalidRequest("an asset needs artifacts: a list of {'prefix': 'origin/container/path'}.")
        asset_id = uuid.uuid4().hex
        asset = {
            "id": asset_id,
            "name": body.get("name"),
            "type": body.get("type"),
            "description": body.get("description"),
            "artifacts": artifacts,
            "kvTags": body.get("kvTags") or {},
            "properties": body.get("properties") or {},
            "runid": body.get("runid"),
            "meta": body.get("meta"),
            "createdTime": timestamp(datetime.now(UTC)),
        }
        self._documents.put(_ASSET, asset_id, asset)
        return asset

    def asset(self, asset_id: str) -> Entity:
        """One asset. :raises NotFound:"""
        found = self._documents.find(_ASSET, asset_id)
        if found is not None:
            return found
        version = version_of_asset(asset_id)
        if version is None:
            raise NotFound(f"there is no asset {asset_id!r}.")
        model = self._workspace.models.get(*version)
        return {
            "id": asset_id,
            "name": model.name,
            "artifacts": [{"id": None, "prefix": run_file_name(model.run_id, _MODEL_FILE)}],
            "kvTags": {},
            "properties": {},
            "runid": model.run_id,
            "createdTime": timestamp(model.created_at),
        }

    def register(self, body: Document) -> Entity:
        """Register the asset's files. Those of an AutoML run's model are that run's model, whole.

        The engine has one version of a name per run: registering a run again finds that, where Azure would count on.

        :raises InvalidRequest: no asset is named, or it has no files. :raises NotFound: no such asset.
        :raises RunFailed: the run has no model.
        """
        name, url, tags = str(body.get("name") or ""), str(body.get("url") or ""), body.get("kvTags") or {}
        if not url.startswith(ASSET_URL):
            raise InvalidRequest(f"url of the model is {url!r}; it has to be that of an asset ({ASSET_URL}...).")
        places = [str(found["prefix"] or found["id"]) for found in self.asset(url.removeprefix(ASSET_URL))["artifacts"]]
        run = self._run_of(places)
        if run is None:
            model = self._workspace.models.register_files(name, self._files(places), tags)
        else:
            model = self._workspace.register_model(name, run.run_id, tags)
        self._keep(model, lambda kept: {**body, **kept})
        return self._entity(model)

    def get(self, wanted: str) -> Entity:
        """One version by `name:version`. :raises NotFound:"""
        return self._entity(self._workspace.models.get(*split_model_id(wanted)))

    def find(self, keep: Callable[[Entity], bool], *, latest_only: bool) -> Iterator[Entity]:
        """The versions that `keep` is true of, the newest first; of each name the latest alone when wanted."""
        seen: set[str] = set()
        for model in sorted(self._workspace.models.list_all(), key=lambda found: found.created_at, reverse=True):
            if latest_only and model.name in seen:
                continue
            seen.add(model.name)
            entity = self._entity(model)
            if keep(entity):
                yield entity

    def change(self, wanted: str, patch: Any) -> Entity:
        """Apply a JSON patch. :raises NotFound: :raises InvalidRequest: a field that does not change."""
        name, version = split_model_id(wanted)
        model = self._workspace.models.get(name, version)
        changed = changed_fields(self._entity(model), patch)
        fixed = sorted(changed.keys() - _CHANGEABLE)
        if fixed:
            raise InvalidRequest(f"{', '.join(fixed)} of model {wanted} cannot be changed.")
        if "kvTags" in changed:
            self._workspace.models.set_tags(name, version, changed.pop("kvTags") or {})
        if changed:
            self._keep(model, lambda kept: {**kept, **changed})
        return self.get(wanted)

    def delete(self, wanted: str) -> None:
        """Delete a version. :raises NotFound: :raises Conflict: a web service needs it."""
        self._workspace.delete_model(*split_model_id(wanted))
        self._documents.delete(_MODEL, wanted)

    def _entity(self, model: ModelVersion) -> Entity:
        experiment = None
        with suppress(NotFound):  # files that somebody gave have no run
            experiment = self._workspace.get_run(model.run_id).experiment_name
        return model_entity(model, experiment, self._kept(model))

    def _keep(self, model: ModelVersion, change: Callable[[Document], Document]) -> None:
        created = {"createdTime": timestamp(model.created_at)}
        self._documents.change(
            _MODEL, model_id(model.name, model.version), lambda found: {**change(_of(model, found)), **created}
        )

    def _kept(self, model: ModelVersion) -> Document:
        return _of(model, self._documents.find(_MODEL, model_id(model.name, model.version)))

    def _run_of(self, places: list[str]) -> Run | None:
        """The AutoML run whose model the artifacts are, None when they are other files. :raises NotFound:"""
        place = split_run_file_name(places[0])
        if len(places) > 1 or place is None or place[1].rstrip("/") not in _MODEL_PATHS:
            return None
        run_id = place[0]
        with suppress(NotFound):
            return self._workspace.require_automl_run(run_id)
        parent = run_id.rpartition("_")[0]
        with suppress(NotFound):
            run = self._workspace.require_automl_run(parent)
            if self._workspace.automl_result(parent).best_child_run_id == run_id:
                return run
        return None

    def _files(self, places: list[str]) -> dict[str, Path]:
        """The artifacts' files by their path in the model, which begins with the last part of the artifact's."""
        files: dict[str, Path] = {}
        for place in places:
            origin, container, path = (*place.split("/", 2), "", "")[:3]
            base = path.rstrip("/").rpartition("/")[0]
            for found, blob in self._artifacts.list_all(origin, container, path):
                files[found.removeprefix(base).lstrip("/")] = blob.path
        return files


def _of(model: ModelVersion, found: Document | None) -> Document:
    """What is kept of the version: nothing, when it is of one that was deleted and whose number was given anew."""
    return found if found and found.get("createdTime") == timestamp(model.created_at) else {}


def _artifact(given: Any) -> dict[str, str | None]:
    """:raises InvalidRequest:"""
    if not isinstance(given, dict) or not (given.get("id") or given.get("prefix")):
        raise InvalidRequest(f"{given!r} is no artifact: it has neither an id nor a prefix.")
    return {"id": given.get("id"), "prefix": given.get("prefix")}
