"""Dataflows, and what of them the engine can take over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.datasets.contents import take_over
from azureml_local.azure_api.datasets.dataflow import (
    DataPath,
    Delimited,
    Selection,
    Table,
    parquet_dataflow,
    read_table,
)
from azureml_local.azure_api.storage import DATA, Storage
from azureml_local.paths import Home
from azureml_local.store.uploads import Upload
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

pytestmark = pytest.mark.unit

STORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths"


def dataflow(*steps: str, paths: str = f'pattern: "{STORE}/a/x.csv"') -> str:
    transformations = "".join(f"\n  - {step}" for step in steps)
    yaml = f"---\ntype: mltable\npaths:\n  - {paths}\n" + (f"transformations:{transformations}\n" if steps else "")
    return json.dumps({"blocks": [], "meta": {"RsDataflow": yaml}})


READ = 'read_delimited:\n      delimiter: ";"\n      encoding: iso88591\n      header: all_files_same_headers'


def test_a_delimited_file() -> None:
    table = read_table(dataflow(READ, "convert_column_types:\n      - columns: a\n        column_type: int"))
    assert table == Table(
        paths=(DataPath(datastore="workspaceblobstore", path="a/x.csv"),),
        reader=Delimited(separator=";", encoding="iso8859-1"),
    )


def test_paths_are_as_they_are_written() -> None:
    assert read_table(dataflow(READ, paths=f'file: "{STORE}/a b%20/*.csv"')).paths[0].path == "a b%20/*.csv"
    assert read_table(dataflow(READ, paths='file: "https://host/x.csv"')).paths == (
        DataPath(datastore=None, path="https://host/x.csv"),
    )


def test_selections() -> None:
    table = read_table(dataflow(READ, "drop_columns:\n      - a\n      - b", "keep_columns: c"))
    assert table.selections == (Selection(columns=("a", "b"), kept=False), Selection(columns=("c",), kept=True))


@pytest.mark.parametrize(
    "steps",
    [
        (READ, "take: 3"),
        (READ.replace("all_files_same_headers", "no_header"),),
        (READ.replace("iso88591", "klingon"),),
        ("read_json_lines:\n      encoding: utf8", "keep_columns: a"),
    ],
)
def test_what_the_native_engine_has_to_do(steps: tuple[str, ...]) -> None:
    table = read_table(dataflow(*steps))
    assert table.native is not None
    assert table.native.startswith("---\ntype: mltable")
    assert (table.reader, table.selections) == (None, ())


def test_what_is_written_can_be_read() -> None:
    table = read_table(parquet_dataflow("workspaceblobstore", "registered-datasets/k/data.parquet"))
    assert table.reader is None
    assert table.paths == (DataPath(datastore="workspaceblobstore", path="registered-datasets/k/data.parquet"),)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("not json", "RsDataflow"),
        ('{"blocks": []}', "RsDataflow"),
        (json.dumps({"meta": {"RsDataflow": "a: ["}}), "cannot be read"),
        (json.dumps({"meta": {"RsDataflow": "- 1"}}), "cannot be read"),
        (dataflow(), "files"),
        (dataflow(READ, "extract_columns_from_partition_format: x"), "partition_format"),
        (dataflow(f"{READ}\n      include_path_column: true"), "include_path"),
        (dataflow("read_sql: x"), "read_sql"),
        (dataflow(READ, paths='file: "wasbs://c@a.blob.core.windows.net/x.csv"'), "wasbs"),
    ],
)
def test_what_cannot_be_taken_over(document: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_table(document)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "datasets").mkdir()
    return Storage(tmp_path / "storage", Home(tmp_path), Addresses(plain="", secure="https://127.0.0.1:1"))


@pytest.fixture
def taken(storage: Storage, tmp_path: Path) -> Callable[..., tuple[str, TextFormat]]:
    def do(path: str, reader: Delimited | None, **options: Any) -> tuple[str, TextFormat]:
        table = Table(paths=(DataPath(datastore="workspaceblobstore", path=path),), reader=reader, **options)
        with Upload(tmp_path / "datasets", "d") as upload:
            text_format = take_over(table, storage, upload)
            upload.finish()
            return upload.received.read_text(encoding=text_format.encoding), text_format

    return do


def put(storage: Storage, name: str, content: bytes, folder: Path) -> None:
    file = folder / "content"
    file.write_bytes(content)
    storage.add_file(DATA, name, file)


COMMA = Delimited(separator=",", encoding="utf-8")
Taken = Callable[..., tuple[str, TextFormat]]


def test_one_file_goes_in_as_it_is(storage: Storage, taken: Taken, tmp_path: Path) -> None:
    put(storage, "a/x.csv", 'stadt;n\n"Köln";1\n\n'.encode("latin-1"), tmp_path)
    assert taken("a/x.csv", Delimited(separator=";", encoding="latin-1")) == (
        'stadt;n\n"Köln";1\n\n',
        TextFormat(separator=";", encoding="iso8859-1"),
    )


@pytest.mark.parametrize("path", ["a", "a/", "a/*.csv", "a/**", "**/x*.csv"])
def test_several_files_become_one(storage: Storage, taken: Taken, tmp_path: Path, path: str) -> None:
    put(storage, "a/x1.csv", b"n,w\n1,a\n", tmp_path)
    put(storage, "a/x2.csv", b'n,w\r\n2,"b,\nc"\r\n', tmp_path)
    put(storage, "ab/other.csv", b"m\n9\n", tmp_path)
    assert taken(path, COMMA) == ('n,w\n1,a\n2,"b,\nc"\n', TextFormat())


def test_files_of_different_headers(storage: Storage, taken: Taken, tmp_path: Path) -> None:
    put(storage, "a/x1.csv", b"n,w\n1,a\n", tmp_path)
    put(storage, "a/x2.csv", b"w,n\n1,a\n", tmp_path)
    with pytest.raises(InvalidRequest, match="same header"):
        taken("a", COMMA)


def test_columns_are_chosen(storage: Storage, taken: Taken, tmp_path: Path) -> None:
    put(storage, "x.csv", b"a,b,c\n1,2,3\n", tmp_path)
    chosen = (Selection(columns=("a",), kept=False), Selection(columns=("c", "a"), kept=True))
    assert taken("x.csv", COMMA, selections=chosen)[0] == "c\n3\n"


def test_parquet(storage: Storage, taken: Taken, tmp_path: Path) -> None:
    table = pa.table({"n": [1, None], "x": [0.1, float("nan")], "flag": [True, False], "w": ["a,b", None]})
    parquet.write_table(table, tmp_path / "t.parquet")
    put(storage, "t.parquet", (tmp_path / "t.parquet").read_bytes(), tmp_path)
    assert taken("t.parquet", None)[0] == 'n,x,flag,w\n1,0.1,true,"a,b"\n,,false,\n'


def test_files_that_are_not_there_or_something_else(storage: Storage, taken: Taken, tmp_path: Path) -> None:
    put(storage, "x.csv", b"a,b\n1,2\n", tmp_path)
    with pytest.raises(InvalidRequest, match=r"nowhere\.csv"):
        taken("nowhere.csv", COMMA)
    with pytest.raises(InvalidRequest, match="Parquet"):
        taken("x.csv", None)
    put(storage, "y.csv", b"a\n\xff\n", tmp_path)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        taken("*.csv", COMMA)


def test_a_web_server_that_is_not_there(storage: Storage, tmp_path: Path) -> None:
    table = Table(paths=(DataPath(datastore=None, path="http://127.0.0.1:1/x.csv?sig=secret"),), reader=COMMA)
    with Upload(tmp_path / "datasets", "d") as upload, pytest.raises(ServiceUnavailable) as caught:
        take_over(table, storage, upload)
    assert "secret" not in str(caught.value)
