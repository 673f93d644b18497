"""A CSV of 200 MB is registered in bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest

from azureml_workspace.connect import open_workspace
from azureml_workspace.records import DatasetSource
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.integration

_BLOCK_ROWS = 200_000
_SIZE = 200_000_000
_PEAK_MB = 1000
"""870 to 915 were measured, by how the machine is loaded; one more copy of the table is 200 more."""


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


def _peak_mb(pid: int) -> int:
    """The largest resident size of a process so far, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmHWM")


@pytest.mark.timeout(180)
def test_200_mb_in_bounded_memory(tmp_path: Path, server_factory: Any) -> None:
    """Through the adapter and the server, as a DAG does it."""
    source = tmp_path / "large.csv"
    rows = _write_csv(source)
    assert source.stat().st_size >= _SIZE
    with server_factory(tmp_path / "home") as server:
        settings = WorkspaceSettings(backend="local", url=server.url, token=server.token, read_timeout=120)

        version = open_workspace(settings).register_dataset("large", DatasetSource(path=str(source)))

        assert version.rows == rows
        assert [column.kind for column in version.columns] == [
            "integer",
            "string",
            "string",
            *["number"] * 10,
            "boolean",
        ]
        assert _peak_mb(server.pid) < _PEAK_MB
        profile = server.send("GET", "/v1/datasets/large/versions/1/profile")
        assert profile.status_code == 200
        assert len(profile.content) < 50_000
