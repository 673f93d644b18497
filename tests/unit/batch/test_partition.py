"""The Parquet file of a batch, and its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from azureml_batch.output import LocalOutput
from azureml_batch.partition import PartitionWriter
from azureml_batch.rows import Chunk
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


def written(path: Path, chunks: list[tuple[Chunk, tuple[Any, ...]]], **given: Any) -> dict[str, list[Any]]:
    arguments: dict[str, Any] = {"id_columns": (), "classes": (), "model": ("m", 3)} | given
    with PartitionWriter(path, **arguments) as writer:
        for chunk, answers in chunks:
            writer.add(chunk, answers)
    columns: dict[str, list[Any]] = pq.ParquetFile(path).read().to_pydict()
    return columns


def test_probabilities_by_class_and_the_likeliest_as_label(tmp_path: Path) -> None:
    chunks = [
        (Chunk(first=1, rows=[{}, {}], ids=[["a", "b"]]), ([0.9, 0.1], [0.2, 0.8])),
        (Chunk(first=3, rows=[{}], ids=[["c"]]), ([0.5, 0.5],)),
    ]
    columns = written(tmp_path / "p", chunks, id_columns=("client",), classes=("no", "yes"))
    assert columns == {
        "row_number": [1, 2, 3],
        "client": ["a", "b", "c"],
        "label": ["no", "yes", "no"],
        "probability_no": [0.9, 0.2, 0.5],
        "probability_yes": [0.1, 0.8, 0.5],
        "model_name": ["m", "m", "m"],
        "model_version": [3, 3, 3],
    }


def test_labels_alone_when_nobody_knows_the_classes(tmp_path: Path) -> None:
    columns = written(tmp_path / "p", [(Chunk(first=1, rows=[{}, {}], ids=[]), (True, 2))])
    assert columns["label"] == ["true", "2"]
    assert not any(name.startswith("probability") for name in columns)


def test_a_batch_without_rows_has_all_columns(tmp_path: Path) -> None:
    columns = written(tmp_path / "p", [], classes=("no", "yes"))
    assert (columns["label"], columns["probability_yes"]) == ([], [])


@pytest.mark.parametrize("names", [("label",), ("probability_yes",), ("a", "a")])
def test_a_column_that_would_stand_twice_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match=f"{names[0]} twice"):
        written(tmp_path / "p", [], id_columns=names, classes=("no", "yes"))


def test_a_place_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "taken").write_text("x")
    with pytest.raises(InvalidRequest, match="give another output folder"):
        LocalOutput(tmp_path / "taken").put(tmp_path / "file", "service=s/part-0.parquet")


def test_putting_replaces(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one")
    output = LocalOutput(tmp_path / "out")
    assert output.size("a/b") is None
    output.put(tmp_path / "file", "a/b")
    (tmp_path / "file").write_text("three")
    output.put(tmp_path / "file", "a/b")
    assert output.size("a/b") == 5
    assert [path.name for path in (tmp_path / "out" / "a").iterdir()] == ["b"]
