"""Dataflows: MLTable documents (YAML) that say where data is and how it is read.

The SDK sends and keeps them inside a JSON document, `{"blocks": [], "meta": {"RsDataflow": "<YAML>"}}`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from azureml_local.azure_api.addresses import RESOURCE_GROUP, SUBSCRIPTION_ID, WORKSPACE_NAME
from azureml_workspace.errors import InvalidRequest

_DATASTORE_PATH = re.compile(r"azureml://(?:.*/)?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)", re.DOTALL)
_ENCODINGS = {
    "utf8": "utf-8",
    "iso88591": "iso8859-1",
    "latin1": "iso8859-1",
    "ascii": "ascii",
    "windows1252": "cp1252",
    "utf16": "utf-16",
    "utf32": "utf-32",
}
_ONE_HEADER = frozenset({"all_files_same_headers", "from_first_file"})
_WITHOUT_EFFECT = frozenset({"convert_column_types"})
"""The engine decides for itself of which kind a column is."""
_NATIVE = frozenset(
    {
        "convert_column_types",
        "drop_columns",
        "filter",
        "keep_columns",
        "read_delimited",
        "read_json_lines",
        "read_parquet",
        "sample",
        "skip",
        "take",
    }
)


@dataclass(frozen=True, kw_only=True)
class DataPath:
    """A file, a folder or a pattern with `*` in a datastore; or, without a datastore, an http(s) address."""

    datastore: str | None
    path: str


@dataclass(frozen=True, kw_only=True)
class Delimited:
    """How text is read. `encoding` is a Python codec."""

    separator: str
    encoding: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Columns by name: only these, or all but these."""

    columns: tuple[str, ...]
    kept: bool

    def of(self, names: list[str]) -> list[str]:
        """Those of `names` that stay."""
        return [name for name in names if (name in self.columns) == self.kept]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a dataflow describes, when it is something that the engine can take over. `reader`: None is Parquet.

    `native`: the MLTable document, when it does more than to read files and choose columns; then the SDK's native
    engine has to run it.
    """

    paths: tuple[DataPath, ...]
    reader: Delimited | None = None
    selections: tuple[Selection, ...] = ()
    native: str | None = None


class _NotPlain(Exception):
    """More than to read files and choose columns."""


def mltable_of(dataflow: str) -> str:
    """The MLTable document inside. :raises InvalidRequest: there is none."""
    try:
        return str(json.loads(dataflow)["meta"]["RsDataflow"])
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(
            "the dataset's dataflow has no meta.RsDataflow; azureml-core 1.55 and newer write one."
        ) from None


def read_table(dataflow: str) -> Table:
    """What the dataflow describes. :raises InvalidRequest: something that the engine cannot do; says what."""
    try:
        document: dict[str, Any] = msgspec.yaml.decode(mltable_of(dataflow))
        paths = tuple(_path(entry) for entry in document["paths"])
        steps = [next(iter(step.items())) if isinstance(step, dict) else (step, {}) for step in _steps(document)]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, StopIteration) as error:
        raise InvalidRequest(f"the dataset's dataflow cannot be read ({type(error).__name__}).") from error
    if not steps:
        raise InvalidRequest("the dataset is one of files, not of a table.")
    reader, options = steps[0][0], steps[0][1] if isinstance(steps[0][1], dict) else {}
    if options.get("include_path_column"):
        raise InvalidRequest("a dataset with a column of paths (include_path) cannot be taken over.")
    try:
        return Table(paths=paths, reader=_reader(reader, options), selections=_selections(steps[1:]))
    except _NotPlain:
        _require_native(steps)
        return Table(paths=paths, native=mltable_of(dataflow))


def parquet_dataflow(datastore: str, path: str) -> str:
    """The dataflow of one Parquet file."""
    workspace = f"subscriptions/{SUBSCRIPTION_ID}/resourcegroups/{RESOURCE_GROUP}/workspaces/{WORKSPACE_NAME}"
    document = {
        "type": "mltable",
        "paths": [{"pattern": f"azureml://{workspace}/datastores/{datastore}/paths/{path}"}],
        "transformations": [{"read_parquet": {"path_column": "Path", "include_path_column": False}}],
        "metadata": {"infer_column_types": "False"},
    }
    yaml = msgspec.yaml.encode(document).decode()
    return json.dumps({"blocks": [], "meta": {"RsDataflow": f"---\n{yaml}"}})


def _steps(document: dict[str, Any]) -> list[Any]:
    return list(document.get("transformations") or [])


def _path(entry: dict[str, str]) -> DataPath:
    (address,) = entry.values()
    if re.match(r"https?://", address, re.IGNORECASE):
        return DataPath(datastore=None, path=address)
    found = _DATASTORE_PATH.fullmatch(address)
    if found is None:
        raise InvalidRequest(f"{address!r} cannot be read here: it is neither in a datastore nor at http(s).")
    return DataPath(datastore=found["datastore"], path=found["path"])


def _reader(name: str, options: dict[str, Any]) -> Delimited | None:
    if name == "read_parquet":
        return None
    encoding = str(options.get("encoding", "utf8"))
    is_plain = encoding in _ENCODINGS and str(options.get("header", "all_files_same_headers")) in _ONE_HEADER
    if name != "read_delimited" or not is_plain:
        raise _NotPlain
    return Delimited(separator=str(options.get("delimiter", ",")), encoding=_ENCODINGS[encoding])


def _selections(steps: list[tuple[str, Any]]) -> tuple[Selection, ...]:
    found: list[Selection] = []
    for name, options in steps:
        if name in {"keep_columns", "drop_columns"}:
            columns = (options,) if isinstance(options, str) else tuple(map(str, options))
            found.append(Selection(columns=columns, kept=name == "keep_columns"))
        elif name not in _WITHOUT_EFFECT:
            raise _NotPlain
    return tuple(found)


def _require_native(steps: list[tuple[str, Any]]) -> None:
    """:raises InvalidRequest: a step is not among those that give the same rows wherever the files are."""
    for name, _ in steps:
        if name not in _NATIVE:
            raise InvalidRequest(
                f"the local Azure ML cannot take over a dataset with the transformation {name}; write its rows to a "
                "file, and register that."
            )
