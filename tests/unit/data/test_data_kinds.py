"""Which kind a column gets, and which of its values are null."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azureml_workspace.data.kinds import EVERYWHERE, NOT_AMONG_WORDS
from azureml_workspace.data.rows import read_rows

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "-2", "0"], "integer", [1, -2, 0]),
        (["1", "2.5", "-3e2", ".5", "5."], "number", [1.0, 2.5, -300.0, 0.5, 5.0]),
        (["1", "+5"], "number", [1.0, 5.0]),
        ([" 1", "2 "], "integer", [1, 2]),
        (["true", "False", "TRUE"], "boolean", [True, False, True]),
        (["yes", "no"], "string", ["yes", "no"]),
        (["0", "1"], "integer", [0, 1]),
        (["2026-11-21", "2026-01-02"], "datetime", ["2026-11-21T00:00:00", "2026-01-02T00:00:00"]),
        (["2026-11-21 08:30", "2026-11-21"], "datetime", ["2026-11-21T08:30:00", "2026-11-21T00:00:00"]),
        (["2026-11-21T08:30:00.1234567"], "datetime", ["2026-11-21T08:30:00.123456"]),
        (
            ["2026-11-21T08:30:00+02:00", "2026-11-21T08:30:00Z"],
            "datetime",
            ["2026-11-21T06:30:00", "2026-11-21T08:30:00"],
        ),
        (["2026-11-21T08:30:00Z", "2026-11-21"], "string", ["2026-11-21T08:30:00Z", "2026-11-21"]),
        (["21/11/2026", "01/02/2026"], "string", ["21/11/2026", "01/02/2026"]),
        (["0000-01-01"], "string", ["0000-01-01"]),
        (["007", "12"], "string", ["007", "12"]),
        (["1", "02134"], "string", ["1", "02134"]),
        (["0x10", "1"], "string", ["0x10", "1"]),
        (["12345678901234567890123"], "string", ["12345678901234567890123"]),
        (["1,5", "2"], "string", ["1,5", "2"]),
        (["  padded ", "x"], "string", ["  padded ", "x"]),
        (["inf", "1"], "number", [None, 1.0]),
        (["1e400", "-inf"], "number", [None, None]),
        (["unknown", "nonexistent"], "string", ["unknown", "nonexistent"]),
        (["true", "1"], "string", ["true", "1"]),
        (["true", "maybe"], "string", ["true", "maybe"]),
    ],
)
def test_kind_and_values(values: list[str], kind: str, expected: list[Any], ingest_text: Any, target: Path) -> None:
    data = ingest_text("c,other\n" + "".join(f'"{value}",x\n' for value in values))
    assert data.columns[0].kind == kind
    assert [row["c"] for row in read_rows(target / "data.parquet", 100)] == expected


@pytest.mark.parametrize("value", EVERYWHERE)
def test_null_among_words(value: str, ingest_text: Any, target: Path) -> None:
    data = ingest_text(f"c,other\nred,x\n{value},x\n")
    assert (data.columns[0].kind, data.columns[0].nullable) == ("string", True)
    assert [row["c"] for row in read_rows(target / "data.parquet", 9)] == ["red", None]


@pytest.mark.parametrize("value", NOT_AMONG_WORDS)
@pytest.mark.parametrize(
    ("present", "kind"), [("1", "integer"), ("1.5", "number"), ("true", "boolean"), ("2026-01-01", "datetime")]
)
def test_marker_is_null_among_typed_values(value: str, present: str, kind: str, ingest_text: Any) -> None:
    data = ingest_text(f"c,other\n{present},x\n{value},x\n")
    assert (data.columns[0].kind, data.columns[0].nullable) == (kind, True)
    assert data.profile.columns[0].nulls == 1


@pytest.mark.parametrize("value", NOT_AMONG_WORDS)
def test_marker_is_a_level_among_words(value: str, ingest_text: Any, target: Path) -> None:
    data = ingest_text(f"c,other\nred,x\n{value},x\n")
    assert not data.columns[0].nullable
    assert read_rows(target / "data.parquet", 9)[1]["c"] == value


@pytest.mark.parametrize("value", ["", "NA", "nan", "None"])
def test_all_null_column_is_kept_as_nullable_string(value: str, ingest_text: Any, target: Path) -> None:
    data = ingest_text(f"c,other\n{value},1\n{value},2\n")
    assert (data.columns[0].kind, data.columns[0].nullable) == ("string", True)
    profile = data.profile.columns[0]
    assert (profile.nulls, profile.distinct, profile.constant) == (2, 0, True)
    assert [row["c"] for row in read_rows(target / "data.parquet", 9)] == [None, None]


@pytest.mark.parametrize(
    ("early", "late", "kind"),
    [
        ("1", "2.5", "number"),
        ("1", "word", "string"),
        ("", "7", "integer"),
        ("true", "1", "string"),
        ("1", "x", "string"),
    ],
)
def test_last_row_decides_too(early: str, late: str, kind: str, ingest_text: Any, monkeypatch: Any) -> None:
    """The value that widens a column stands many blocks after the first."""
    monkeypatch.setattr("azureml_workspace.data.ingestion.SMALLEST_BLOCK", 1_000)
    data = ingest_text("c,other\n" + f"{early},x\n" * 5_000 + f"{late},x\n")
    assert data.columns[0].kind == kind
    assert data.rows == 5_001


def test_infinities_are_counted(ingest_text: Any) -> None:
    numbers = ingest_text("c,d\n1.5,x\ninf,x\n-Infinity,x\nNA,x\n").profile.columns[0].numbers
    assert numbers is not None
    assert numbers.infinities == 2
