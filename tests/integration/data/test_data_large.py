"""A CSV of 200 MB is ingested in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest

pytestmark = pytest.mark.integration

_BLOCK_ROWS = 200_000
_SIZE = 200_000_000
_PEAK_MB = 900

_INGEST = """
import json, resource, sys
from pathlib import Path
from azureml_local.data import ingest
data = ingest(Path(sys.argv[1]), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"rows": data.rows, "kinds": [c.kind for c in data.columns], "peak_mb": peak}))
"""


def _write_csv(path: Path) -> int:
    """Write blocks of rows until the file has the size; gives the number of rows."""
    generator = np.random.default_rng(11)
    words = np.array(["alpha", "beta", "gamma delta", "epsilon", ""])
    rows = 0
    with path.open("wb") as file:
        while file.tell() < _SIZE:
            table = pa.table(
                {
                    "id": np.arange(rows, rows + _BLOCK_ROWS),
                    "level": pa.array(words[generator.integers(0, 5, _BLOCK_ROWS)]),
                    "note": pa.array([f"note {number}, with a comma" for number in range(rows, rows + _BLOCK_ROWS)]),
                    **{f"x{number}": generator.normal(size=_BLOCK_ROWS).round(4) for number in range(10)},
                    "flag": pa.array(generator.integers(0, 2, _BLOCK_ROWS).astype(bool)),
                }
            )
            arrow_csv.write_csv(table, file, arrow_csv.WriteOptions(include_header=rows == 0))
            rows += _BLOCK_ROWS
    return rows


@pytest.mark.timeout(120)
def test_200_mb_in_bounded_memory(tmp_path: Path) -> None:
    source, target = tmp_path / "large.csv", tmp_path / "target"
    target.mkdir()
    rows = _write_csv(source)
    assert source.stat().st_size >= _SIZE

    done = subprocess.run(
        [sys.executable, "-c", _INGEST, str(source), str(target)], capture_output=True, text=True, check=False
    )
    source.unlink()

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["rows"] == rows
    assert answer["kinds"] == ["integer", "string", "string", *["number"] * 10, "boolean"]
    assert answer["peak_mb"] < _PEAK_MB
    assert (target / "profile.json").stat().st_size < 50_000
