"""What a profile needs of memory: a few times the largest column, however many different values it holds."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from azureml_workspace.data.profiling import _count_distinct, _levels

pytestmark = pytest.mark.unit

MEASURED = """
import sys, tempfile
from pathlib import Path
import numpy as np, pyarrow as pa
from pyarrow import parquet
from azureml_workspace.data.profiling import profile_parquet
from azureml_workspace.records import ColumnSchema

rows = 1_000_000
values = np.random.default_rng(0).permutation(rows)
kind = sys.argv[1]
array = pa.array(values if kind == "integer" else values + 0.5)
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "data.parquet"
    parquet.write_table(pa.table({"c": array}), file)
    del array, values
    profile = profile_parquet(file, [ColumnSchema(name="c", kind=kind, nullable=False)], {}, 0)
    assert (profile.columns[0].distinct, profile.duplicate_rows) == (rows, 0)
print(pa.default_memory_pool().max_memory() / (8 * rows))
"""


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_counting_what_is_all_different(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, kind], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(done.stdout) < 6, "times the column"


@pytest.mark.parametrize(
    ("values", "distinct"),
    [
        ([1.5, None, 1.5, -0.0], 2),
        ([0.0, -0.0], 1),
        ([None, None], 0),
        ([], 0),
        ([2**53 + 1, 2**53, None, 2**53], 2),
        ([-(2**63), 2**63 - 1], 2),
    ],
)
def test_how_many_are_different(values: list[float | None], distinct: int) -> None:
    kind = pa.int64() if any(isinstance(value, int) for value in values) else pa.float64()
    for parts in ([values], [values[:1], values[1:]], [[], values]):
        assert _count_distinct(pa.chunked_array(parts, kind)) == distinct


def test_the_levels_of_a_column_in_parts() -> None:
    levels = _levels(pa.chunked_array([["b", None, "a"], [], ["c", "a", "b", "a"]], pa.string()))
    assert levels.values.to_pylist() == ["b", "a", "c"]
    assert levels.counts.tolist() == [2, 3, 1]
    assert levels.rows.tolist() == [0, -1, 1, 2, 1, 0, 1]
