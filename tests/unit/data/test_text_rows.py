"""Rows that come as text are typed as the file they stand in."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.data.rows import read_rows
from azureml_workspace.data.text_rows import typed_rows
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnSchema

pytestmark = pytest.mark.unit

LINES = [
    ["n", "x", "flag", "day", "at", "word", "zip", "none"],
    ["1", "1e400", "TRUE", "2026-11-21", "2026-11-21T08:30:00+01:00", "NA", "007", ""],
    ["-2", " 2.5 ", "false", "2026-11-22 10:00:00", "2026-11-21T08:30:00Z", "unknown", "1", ""],
    ["NA", "", "?", "", "", "NaN", "", ""],
]


def test_they_are_the_rows_that_the_file_has(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("\n".join(",".join(line) for line in LINES) + "\n")
    (tmp_path / "out").mkdir()
    columns = ingest(source, tmp_path / "out").columns
    assert [column.kind for column in columns] == [
        "integer",
        "number",
        "boolean",
        "datetime",
        "datetime",
        "string",
        "string",
        "string",
    ]
    given = [{name: text or None for name, text in zip(LINES[0], line, strict=True)} for line in LINES[1:]]
    assert typed_rows(columns, given) == read_rows(tmp_path / "out" / DATA_FILE, 3)


def test_what_is_of_another_kind_now() -> None:
    with pytest.raises(InvalidRequest, match="'n' was registered as integer"):
        typed_rows([ColumnSchema(name="n", kind="integer")], [{"n": "word"}])


def test_no_rows() -> None:
    assert typed_rows([ColumnSchema(name="flag", kind="boolean")], []) == []
