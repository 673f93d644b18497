"""Reads typed data back: the first rows as JSON values, and how often each label stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pyarrow import parquet

from azureml_workspace.data.values import Scalar, as_json, as_text
from azureml_workspace.errors import InvalidRequest

MOST_LABELS = 1_000
"""A column with more distinct values than this is no label."""


def read_rows(parquet_path: Path, count: int) -> list[dict[str, Scalar]]:
    """The first `count` rows (all, where there are fewer) as JSON values: nulls None, datetimes ISO 8601 in UTC.

    :raises InvalidRequest: `count` is negative.
    """
    if count < 0:
        raise InvalidRequest(f"count is {count}; ask for 0 rows or more.")
    rows: list[dict[str, Scalar]] = []
    with parquet.ParquetFile(parquet_path) as file:
        for batch in file.iter_batches(batch_size=max(1, min(count, 10_000)), use_threads=False):
            some: list[dict[str, Any]] = batch.slice(0, count - len(rows)).to_pylist()
            rows.extend({name: as_json(value) for name, value in row.items()} for row in some)
            if len(rows) >= count:
                break
    return rows


def label_counts(parquet_path: Path, column: str) -> dict[str, int] | None:
    """In how many rows each value of `column` stands, by value as text, most frequent first; nulls left out.

    None when there are more than `MOST_LABELS` values. Booleans are "true" and "false".

    :raises InvalidRequest: there is no such column; names those there are.
    """
    with parquet.ParquetFile(parquet_path) as file:
        names = file.schema_arrow.names
        if column not in names:
            shown = ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            raise InvalidRequest(f"There is no column {column!r}; the columns are {shown}.")
        values = file.read(columns=[column], use_threads=False).column(0).drop_null()
    if int(pc.count_distinct(values).as_py()) > MOST_LABELS:
        return None
    counted = values.value_counts().to_pylist()
    counted.sort(key=lambda entry: -entry["counts"])
    return {as_text(entry["values"]): int(entry["counts"]) for entry in counted}
