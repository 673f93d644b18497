"""Rows of a file as the model takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azureml_batch.rows import ModelInputs, RowFile
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnKind

pytestmark = pytest.mark.unit

KINDS: dict[str, ColumnKind] = {
    "n": "integer",
    "x": "number",
    "b": "boolean",
    "s": "string",
    "t": "datetime",
}


def opened(tmp_path: Path, text: str, *, ids: tuple[str, ...] = (), **given: Any) -> RowFile:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    inputs = ModelInputs(kinds=given.get("kinds", KINDS), required=frozenset(given.get("required", ())))
    return RowFile(path, separator=given.get("separator", ","), encoding="utf-8", inputs=inputs, id_columns=ids)


def test_values_have_their_columns_kinds_and_others_are_left_out(tmp_path: Path) -> None:
    text = "id,n,x,b,s,t,y\n007,1,2.5,true,a,2026-11-27,yes\n008,3.0,4,False,12,2026-11-27 10:00:00,no\n"
    file = opened(tmp_path, text, ids=("id", "s"))
    (chunk,) = file.chunks(10)
    assert file.rows == 2
    assert chunk.rows == [
        {"n": 1, "x": 2.5, "b": True, "s": "a", "t": "2026-11-27T00:00:00"},
        {"n": 3, "x": 4.0, "b": False, "s": "12", "t": "2026-11-27T10:00:00"},
    ]
    assert (chunk.first, chunk.ids) == (1, [["007", "008"], ["a", "12"]])


def test_nothing_is_null(tmp_path: Path) -> None:
    (chunk,) = opened(tmp_path, "n,x,b,s,t\n,,,,\n1,NA,true,NA,\n").chunks(10)
    assert chunk.rows == [
        {"n": None, "x": None, "b": None, "s": None, "t": None},
        {"n": 1, "x": None, "b": True, "s": "NA", "t": None},
    ]


def test_chunks_follow_each_other(tmp_path: Path) -> None:
    text = "n\n" + "".join(f"{number}\n" for number in range(25))
    chunks = list(opened(tmp_path, text).chunks(10))
    assert [(chunk.first, len(chunk.rows)) for chunk in chunks] == [(1, 10), (11, 10), (21, 5)]
    assert [row["n"] for chunk in chunks for row in chunk.rows] == list(range(25))


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        ("n,s\n1,a\n2,b\nx,c\n", {}, "rows.csv, row 3, column 'n' is 'x'; the model takes integer there"),
        ("n\n1.5\n", {"kinds": {"n": "boolean"}}, "row 1, column 'n' is '1.5'; the model takes boolean"),
        ("t\n2026-11-27\n27.11.2026\n", {}, "row 2, column 't' is '27.11.2026'"),
        ("n\n1\n", {"required": ["n", "price"]}, "has no column 'price'; it has n."),
        ("n,pryce\n1,2\n", {"required": ["price"]}, "did you mean 'pryce'"),
        ("n\n1\n", {"ids": ("client",)}, "no column 'client'"),
        ("n;x\n1;2\n", {}, "separator"),
        ("n,s\n", {}, "no rows"),
    ],
)
def test_what_cannot_be_scored_is_named(tmp_path: Path, text: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        list(opened(tmp_path, text, **given).chunks(2))
