"""Experiments. The engine knows them only as names of its runs; tags and the rest are remembered here."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from azureml_local.azure_api.documents import Document, Documents
from azureml_local.server.workspace import LocalWorkspace
from azureml_workspace.errors import NotFound
from azureml_workspace.records import Run, validate_experiment_name

_KIND = "experiment"


def experiment_id(name: str) -> str:
    """The id by which clients ask for the experiment: always the same for a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"experiment {name}"))


class Experiments:
    """The experiments of the workspace, as Azure's documents."""

    def __init__(self, documents: Documents, workspace: LocalWorkspace) -> None:
        self._documents = documents
        self._workspace = workspace

    def get(self, name: str) -> Document:
        """:raises NotFound:"""
        found = self._documents.find(_KIND, experiment_id(name))
        if found is not None:
            return found
        if not self._workspace.list_runs(name):
            raise NotFound(f"there is no experiment {name!r}.")
        return self.ensure(name)

    def get_by_id(self, key: str) -> Document:
        """:raises NotFound:"""
        found = self._documents.find(_KIND, key)
        if found is not None:
            return found
        name = next((run.experiment_name for run in self._runs() if experiment_id(run.experiment_name) == key), None)
        if name is None:
            raise NotFound(f"there is no experiment of id {key!r}.")
        return self.ensure(name)

    def ensure(self, name: str) -> Document:
        """The experiment of that name, made when there is none. :raises InvalidRequest: the name is not valid."""
        validate_experiment_name(name)
        key = experiment_id(name)
        return self._documents.change(_KIND, key, lambda found: found or _new(key, name))

    def list_all(self) -> list[Document]:
        """All of them, also those that only the engine knows."""
        for name in {run.experiment_name for run in self._runs()}:
            self.ensure(name)
        return self._documents.list_all(_KIND)

    def change(self, key: str, changes: dict[str, Any]) -> Document:
        """Set what `changes` name; tags that they do not name stay. :raises NotFound:"""
        before = self.get_by_id(key)

        def changed(found: Document | None) -> Document:
            current = found or before
            new: Document = {"tags": {**current["tags"], **(changes.get("tags") or {})}}
            if changes.get("description") is not None:
                new["description"] = changes["description"]
            if changes.get("archive") is not None:
                new["archivedTime"] = datetime.now(UTC).isoformat() if changes["archive"] else None
            return {**current, **new}

        return self._documents.change(_KIND, key, changed)

    def remove_tags(self, key: str, names: list[str]) -> Document:
        """:raises NotFound:"""
        before = self.get_by_id(key)

        def without(found: Document | None) -> Document:
            current = found or before
            return {**current, "tags": {name: value for name, value in current["tags"].items() if name not in names}}

        return self._documents.change(_KIND, key, without)

    def _runs(self) -> list[Run]:
        return self._workspace.list_runs()


def _new(key: str, name: str) -> Document:
    return {
        "experimentId": key,
        "name": name,
        "description": None,
        "createdUtc": datetime.now(UTC).isoformat(),
        "tags": {},
        "archivedTime": None,
    }
