"""Good input in all its shapes: the same values come out."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from azureml_workspace.data.ingestion import ingest
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.data.rows import label_counts, read_rows
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


def _rows(target: Path) -> list[dict[str, Any]]:
    return read_rows(target / "data.parquet", 1_000_000)


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y\r",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"\n\r\na,b\n\n1,x\n\n\n2,y\n\n",
        b'"a","b"\n"1","x"\n"2","y"\n',
        b" a , b\n1,x\n2,y\n",
    ],
)
def test_same_table_however_it_is_written(content: bytes, ingest_text: Any, target: Path) -> None:
    data = ingest_text(content)
    assert [(column.name, column.kind, column.nullable) for column in data.columns] == [
        ("a", "integer", False),
        ("b", "string", False),
    ]
    assert _rows(target) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert {path.name for path in target.iterdir()} == {"data.parquet", "profile.json"}


@pytest.mark.parametrize("separator", [";", "\t", "|", " ", "\\t"])
def test_separators(separator: str, ingest_text: Any, target: Path) -> None:
    real = "\t" if separator == "\\t" else separator
    ingest_text(f"a{real}b\n1{real}x,y\n", separator=separator)
    assert _rows(target) == [{"a": 1, "b": "x,y"}]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "latin-1", "cp1252", "utf-16", "utf-16-le", "shift_jis"])
def test_encodings(encoding: str, ingest_text: Any, target: Path) -> None:
    word = "\u6771\u4eac" if encoding == "shift_jis" else "caf\u00e9"
    ingest_text(f"name,b\n{word},1\n".encode(encoding), encoding=encoding)
    assert _rows(target) == [{"name": word, "b": 1}]


def test_quoted_line_ends_separators_and_quotes(ingest_text: Any, target: Path) -> None:
    ingest_text('"a\nb",c\n"one\r\ntwo, ""three""",1\n5" disk,2\n')
    assert _rows(target) == [{"a\nb": 'one\r\ntwo, "three"', "c": 1}, {"a\nb": '5" disk', "c": 2}]


def test_very_long_values(ingest_text: Any, target: Path) -> None:
    long = "v" * (20 << 20)
    data = ingest_text(f"a,b\n{long},1\nshort,2\n")
    assert [len(row["a"]) for row in _rows(target)] == [20 << 20, 5]
    assert data.profile.columns[0].longest_text == 20 << 20
    assert (target / "profile.json").stat().st_size < 5_000


def test_three_thousand_columns(ingest_text: Any, target: Path) -> None:
    header = ",".join(f"c{number}" for number in range(3_000))
    rows = "\n".join(",".join(str((row * number) % 97) for number in range(3_000)) for row in range(60))
    data = ingest_text(f"{header}\n{rows}\n")
    assert (data.rows, len(data.columns)) == (60, 3_000)
    assert {column.kind for column in data.columns} == {"integer"}
    assert _rows(target)[7]["c1234"] == 7 * 1234 % 97


def test_names_with_dots_and_prefixes_stay_apart(ingest_text: Any, target: Path) -> None:
    data = ingest_text("a,a.b,a.b.c,.x[0]\n1,2.5,x,true\n")
    assert [column.kind for column in data.columns] == ["integer", "number", "string", "boolean"]
    assert [column.examples for column in data.profile.columns] == [("1",), ("2.5",), ("x",), ("true",)]
    assert label_counts(target / "data.parquet", "a") == {"1": 1}


def test_one_column(ingest_text: Any, target: Path) -> None:
    ingest_text("only\n1\n2\n")
    assert _rows(target) == [{"only": 1}, {"only": 2}]


def test_profile_file_is_the_profile(ingest_text: Any, target: Path) -> None:
    data = ingest_text("a,b,c\n1,x,2026-01-01\n2.5,,2026-02-01\n")
    assert DataProfile.from_dict(msgspec.json.decode((target / "profile.json").read_bytes())) == data.profile


def test_again_into_the_same_folder_replaces(ingest_text: Any, target: Path) -> None:
    ingest_text("a,b\n1,2\n")
    ingest_text("a,b\n3,4\n")
    assert _rows(target) == [{"a": 3, "b": 4}]


def test_read_rows_counts(ingest_text: Any, target: Path) -> None:
    ingest_text("a,b\n" + "".join(f"{number},x\n" for number in range(25_000)))
    parquet = target / "data.parquet"
    assert [row["a"] for row in read_rows(parquet, 3)] == [0, 1, 2]
    assert read_rows(parquet, 0) == []
    assert [row["a"] for row in read_rows(parquet, 100_000)] == list(range(25_000))
    with pytest.raises(InvalidRequest, match="-1"):
        read_rows(parquet, -1)


def test_label_counts(ingest_text: Any, target: Path) -> None:
    ingest_text(
        "label,flag,level,many\n" + "".join(f"{'no' if n % 4 else ''},{n % 2 == 0},{n % 3},{n}\n" for n in range(1_200))
    )
    parquet = target / "data.parquet"
    assert label_counts(parquet, "label") == {"no": 900}
    assert label_counts(parquet, "flag") == {"true": 600, "false": 600}
    assert label_counts(parquet, "level") == {"0": 400, "1": 400, "2": 400}
    assert label_counts(parquet, "many") is None
    with pytest.raises(InvalidRequest, match=r"'lable'.*'label', 'flag', 'level', 'many'"):
        label_counts(parquet, "lable")


# No "\r": Python's csv writer does not quote it when lines end in "\n", and unquoted it is a line end.
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(10**18) + 1, 10**18 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "datetime": st.datetimes(),
    # The letter makes sure that it is a word; the line ends of a value are kept as they are.
    "string": _TEXT.map(lambda text: "w" + text),
}


@st.composite
def _frames(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(sorted(_VALUES)), min_size=2, max_size=5))
    rows = draw(st.integers(1, 12))
    columns = []
    for kind in kinds:
        column = [draw(st.none() | _VALUES[kind]) for _ in range(rows)]
        column[draw(st.integers(0, rows - 1))] = draw(_VALUES[kind])
        columns.append(column)
    return kinds, columns


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=_frames(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_round_trip(frame: tuple[list[str], list[list[Any]]], line_end: str, quoting: Any, tmp_path: Path) -> None:
    kinds, columns = frame
    names = [f"c{number}" for number in range(len(kinds))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
    writer.writerow(names)
    writer.writerows(
        [["" if value is None else _written(value) for value in row] for row in zip(*columns, strict=True)]
    )
    source = tmp_path / "source.csv"
    source.write_bytes(text.getvalue().encode())

    data = ingest(source, tmp_path)

    found = read_rows(tmp_path / "data.parquet", 1_000)
    for name, kind, column, schema in zip(names, kinds, columns, data.columns, strict=True):
        assert schema.nullable == (None in column)
        expected = [value.isoformat() if kind == "datetime" and value is not None else value for value in column]
        assert [row[name] for row in found] == expected
        assert schema.kind == kind or (kind == "number" and schema.kind == "integer")


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)
