"""Which of the engine's datasets a graph names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azureml_local.azure_api.datasets import engine_dataset
from azureml_local.azure_api.datasets.catalog import Catalog
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.texts import shown

_LATEST = "latest"


def dataset_of(surface: Surface, value: Mapping[str, Any]) -> tuple[str, int | None]:
    """Name and version (None: the latest, whenever it is asked) of Azure's DataSetDefinitionValue.

    :raises NotFound: there is none such. :raises InvalidRequest: nothing can be trained on it.
    """
    saved, registered = value.get("SavedDataSetReference"), value.get("DataSetReference")
    if saved:
        dataset = engine_dataset(surface, str(saved.get("Id")))
        return dataset.name, dataset.version
    if not registered:
        raise InvalidRequest("the dataset is neither a registered nor a saved one.")
    name = str(registered.get("Name") or "") or _name_of(surface, str(registered.get("Id")))
    text = str(registered.get("Version") or _LATEST)
    if text != _LATEST and not text.isdecimal():
        raise InvalidRequest(f"version {shown(text)} of dataset {name} is no number.")
    version = None if text == _LATEST else int(text)
    surface.workspace.datasets.get(name, version)
    return name, version


def with_names(surface: Surface, graph: Document) -> Document:
    """The graph with the names of its datasets beside their ids: by its id alone the SDK cannot read one again."""
    nodes = [_with_name(surface, node) for node in graph.get("DatasetNodes") or []]
    return {**graph, "DatasetNodes": nodes}


def _with_name(surface: Surface, node: Document) -> Document:
    definition = node.get("DataSetDefinition") or {}
    value = definition.get("Value") or {}
    registered = value.get("DataSetReference")
    if not registered or registered.get("Name"):
        return node
    named = {**registered, "Name": _name_of(surface, str(registered.get("Id")))}
    return {**node, "DataSetDefinition": {**definition, "Value": {**value, "DataSetReference": named}}}


def _name_of(surface: Surface, dataset_id: str) -> str:
    """:raises NotFound:"""
    found = next((one for one in Catalog(surface).latest() if one.dataset_id == dataset_id), None)
    if found is None:
        raise NotFound(f"there is no dataset of id {shown(dataset_id)}.")
    return found.name
