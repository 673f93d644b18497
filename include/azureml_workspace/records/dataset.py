"""Datasets: a name, and immutable versions of its content."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from azureml_workspace.records.base import Record

ColumnKind = Literal["integer", "number", "boolean", "string", "datetime"]


@dataclass(frozen=True, kw_only=True)
class ColumnSchema(Record):
    """One column. `nullable` is whether the registered rows hold at least one null in it."""

    name: str
    kind: ColumnKind
    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetSource(Record):
    """How to read the delimited text that is being registered.

    `path` is a local file. `separator` is one character. `encoding` is a Python codec name.
    """

    path: str
    separator: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, kw_only=True)
class DatasetFile(Record):
    """A registered version's file, fetched to this machine: delimited text with a header, and how to read it.

    It holds the rows that were registered, though not always the very bytes: an adapter may keep them in UTF-8.
    """

    path: str
    separator: str
    encoding: str


@dataclass(frozen=True, kw_only=True)
class DatasetVersion(Record):
    """One immutable version of a dataset.

    `fingerprint` is `sha256:` and the hex digest of the registered bytes: the same content registered again
    under the same name is the same version. `created` tells whether this call made the version.
    """

    name: str
    version: int
    fingerprint: str
    rows: int
    columns: tuple[ColumnSchema, ...]
    created_at: datetime
    profile_uri: str
    created: bool = False
    tags: dict[str, str] = field(default_factory=dict)
