"""Names, versions and saved ids of datasets.

A table that the engine can take over is a version of the engine's own dataset, of the same name and number; beside it
only the definition is kept that the SDK gave. Everything else (files, and tables with transformations that the engine
does not do) is a definition alone: the SDK can read it, and nothing can be trained on it. A name is of one of these
kinds with all its versions; when the engine itself takes a name of the other kind, the name is the engine's from then
on, and saved ids that were given out stay those of what they were given out for.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azureml_local.azure_api.datasets.contents import take_over
from azureml_local.azure_api.datasets.dataflow import Table, parquet_dataflow, read_table
from azureml_local.azure_api.datastores import DEFAULT_DATASTORE
from azureml_local.azure_api.storage.engine_files import dataset_table_name
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import DatasetVersion, validate_dataset_name

TABULAR = "tabular"
_DEFINITION = "dataset-definition"
"""By `name:version`: what the SDK said of an engine's version."""
_UNTAKEN = "dataset-untaken"
"""By name: all versions of a dataset that the engine does not have."""
_SAVED = "dataset-saved"
"""By saved id: a name and version, or the definition of a dataset that has none."""
_UNNAMED = "unregistered-"
"""Begins the engine's name for a dataset that was saved without one."""
_NAMESPACE = uuid.UUID("7a6a1d0e-0f3b-5f0f-9b7d-1f6f6b1f9f10")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What the SDK says a dataset is. `dataflow` is its JSON document."""

    dataflow: str
    dataset_type: str
    properties: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One version of a dataset."""

    name: str
    version: int
    definition: Definition
    description: str | None
    tags: dict[str, str]
    created_at: datetime
    saved_id: str

    @property
    def dataset_id(self) -> str:
        """The id that all versions share."""
        return str(uuid.uuid5(_NAMESPACE, f"dataset {self.name}"))


def engine_dataset(surface: Surface, saved_id: str) -> DatasetVersion:
    """The engine's dataset version behind a saved id that the SDK names. A dataset that was saved without a name is
    taken over under a name made of its id.

    :raises NotFound: no such id. :raises InvalidRequest: it is none that can be taken over; says why.
    """
    return Catalog(surface).engine_dataset(saved_id)


class Catalog:
    """The datasets of one workspace; keeps nothing itself."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._datasets = surface.workspace.datasets
        self._documents = surface.documents

    def register(
        self, name: str, definition: Definition, *, description: str | None, tags: dict[str, str], exists_ok: bool
    ) -> Registration:
        """The next version, or the engine's version that holds the same content: its definition is then this one.

        :raises Conflict: the name is taken, and no new version is wanted.
        :raises InvalidRequest: the name or the data cannot be.
        """
        validate_dataset_name(name)
        before = self._find(name, None)
        if before is not None and not exists_ok:
            raise Conflict(f"there is a dataset {name!r} already.")
        try:
            table = _table(definition)
        except InvalidRequest:
            if before is not None and self._is_engines(name):
                raise
            return self._add_untaken(name, definition, description, tags)
        if before is not None and not self._is_engines(name):
            raise InvalidRequest(f"the versions of dataset {name!r} are no tables; give the table a name of its own.")
        taken = self._take_over(name, table, tags)
        kept = {
            "dataflow": definition.dataflow,
            "type": definition.dataset_type,
            "properties": definition.properties,
            "description": description,
        }
        self._documents.put(_DEFINITION, f"{name}:{taken.version}", kept)
        return self._of_engine(taken)

    def get(self, name: str, version: int | None = None) -> Registration:
        """One version, the latest when none is named. :raises NotFound:"""
        found = self._find(name, version)
        if found is None:
            raise NotFound(f"there is no dataset {name!r}" + ("." if version is None else f" of version {version}."))
        return found

    def latest(self) -> list[Registration]:
        """The latest version of every name."""
        named = (dataset for dataset in self._datasets.list_all() if not dataset.name.startswith(_UNNAMED))
        newest = {dataset.name: dataset for dataset in named}
        others = [document["name"] for document in self._documents.list_all(_UNTAKEN)]
        found = [self._of_engine(dataset) for dataset in newest.values()]
        return found + [self.get(name) for name in others if name not in newest]

    def find_registered(self, saved_id: str) -> Registration | None:
        """The version of that saved id; None when the id is of no registered dataset."""
        document = self._documents.find(_SAVED, saved_id)
        if document is None or "name" not in document:
            return None
        name, version = document["name"], document["version"]
        both = (self._find_of_engine(name, version), self._find_untaken(name, version))
        return next((found for found in both if found is not None and found.saved_id == saved_id), None)

    def save(self, definition: Definition) -> str:
        """Keep a dataset without a name; gives its saved id, which is that of an equal one."""
        key = str(uuid.uuid5(_NAMESPACE, f"saved {definition.dataset_type} {definition.dataflow}"))
        document = {
            "dataflow": definition.dataflow,
            "type": definition.dataset_type,
            "properties": definition.properties,
        }
        self._documents.put(_SAVED, key, document)
        return key

    def definition(self, saved_id: str) -> Definition:
        """What was saved under an id. :raises NotFound:"""
        registered = self.find_registered(saved_id)
        if registered is not None:
            return registered.definition
        document = self._documents.find(_SAVED, saved_id)
        if document is None:
            raise NotFound(f"there is no dataset with id {saved_id!r}.")
        return _definition(document)

    def engine_dataset(self, saved_id: str) -> DatasetVersion:
        """See the function of this name."""
        registered = self.find_registered(saved_id)
        if registered is not None and saved_id == _engine_id(registered.name, registered.version):
            return self._datasets.get(registered.name, registered.version)
        return self._take_over(f"{_UNNAMED}{saved_id}", _table(self.definition(saved_id)), {})

    def update(self, name: str, version: int, *, description: str | None, tags: dict[str, str]) -> Registration:
        """Replace description and tags of a version. :raises NotFound:"""
        found = self.get(name, version)
        if self._is_engines(name):
            kept = self._documents.find(_DEFINITION, f"{name}:{version}") or {}
            self._documents.put(_DEFINITION, f"{name}:{version}", {**kept, "description": description})
            self._datasets.set_tags(name, version, tags)
        else:

            def change(document: dict[str, Any] | None) -> dict[str, Any]:
                versions = list((document or {})["versions"])
                versions[found.version - 1] |= {"description": description, "tags": tags}
                return {"name": name, "versions": versions}

            self._documents.change(_UNTAKEN, name, change)
        return self.get(name, version)

    def _find(self, name: str, version: int | None) -> Registration | None:
        if self._is_engines(name):
            return self._find_of_engine(name, version)
        return self._find_untaken(name, version)

    def _find_of_engine(self, name: str, version: int | None) -> Registration | None:
        try:
            return self._of_engine(self._datasets.get(name, version))
        except NotFound:
            return None

    def _find_untaken(self, name: str, version: int | None) -> Registration | None:
        document = self._documents.find(_UNTAKEN, name)
        versions = [] if document is None else document["versions"]
        number = len(versions) if version is None else version
        if not 1 <= number <= len(versions):
            return None
        kept = versions[number - 1]
        return self._remembered(
            Registration(
                name=name,
                version=number,
                definition=_definition(kept),
                description=kept["description"],
                tags=kept["tags"],
                created_at=datetime.fromisoformat(kept["created_at"]),
                saved_id=str(uuid.uuid5(_NAMESPACE, f"untaken {name}:{number}")),
            )
        )

    def _is_engines(self, name: str) -> bool:
        try:
            self._datasets.get(name)
        except NotFound:
            return False
        return True

    def _add_untaken(
        self, name: str, definition: Definition, description: str | None, tags: dict[str, str]
    ) -> Registration:
        version = {
            "dataflow": definition.dataflow,
            "type": definition.dataset_type,
            "properties": definition.properties,
            "description": description,
            "tags": tags,
            "created_at": datetime.now(UTC).isoformat(),
        }
        document = self._documents.change(
            _UNTAKEN, name, lambda before: {"name": name, "versions": [*(before or {}).get("versions", []), version]}
        )
        return self.get(name, len(document["versions"]))

    def _take_over(self, name: str, table: Table, tags: dict[str, str]) -> DatasetVersion:
        with self._datasets.upload(name) as upload:
            text_format = take_over(table, self._surface.storage, upload)
            return self._datasets.register(upload, text_format, tags)

    def _of_engine(self, dataset: DatasetVersion) -> Registration:
        kept = self._documents.find(_DEFINITION, f"{dataset.name}:{dataset.version}") or {}
        if "dataflow" in kept:
            definition = _definition(kept)
        else:
            key = self._datasets.storage_key(dataset.name, dataset.version)
            dataflow = parquet_dataflow(DEFAULT_DATASTORE, dataset_table_name(key))
            definition = Definition(dataflow=dataflow, dataset_type=TABULAR, properties={})
        return self._remembered(
            Registration(
                name=dataset.name,
                version=dataset.version,
                definition=definition,
                description=kept.get("description"),
                tags=dataset.tags,
                created_at=dataset.created_at,
                saved_id=_engine_id(dataset.name, dataset.version),
            )
        )

    def _remembered(self, found: Registration) -> Registration:
        """The client knows the saved id now, and may come back with nothing but that."""
        if self._documents.find(_SAVED, found.saved_id) is None:
            self._documents.put(_SAVED, found.saved_id, {"name": found.name, "version": found.version})
        return found


def _engine_id(name: str, version: int) -> str:
    """The saved id of an engine's version."""
    return str(uuid.uuid5(_NAMESPACE, f"{name}:{version}"))


def _definition(document: dict[str, Any]) -> Definition:
    return Definition(dataflow=document["dataflow"], dataset_type=document["type"], properties=document["properties"])


def _table(definition: Definition) -> Table:
    """:raises InvalidRequest: the engine cannot take it over."""
    if definition.dataset_type != TABULAR:
        raise InvalidRequest("the dataset is one of files, not of a table.")
    return read_table(definition.dataflow)
