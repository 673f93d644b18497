"""The SDK's native engine as the server calls it: in a process of its own, on local files."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from azureml_local.azure_api.datasets.native_engine import write_parquet
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

pytestmark = pytest.mark.integration

READ = """---
type: mltable
paths:
  - pattern: azureml://somewhere/else
transformations:
  - read_delimited:
      delimiter: ","
      encoding: utf8
      header: all_files_same_headers
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "a filé 50%"
    found.write_text("n,w\n1,a\n2,b\n3,c\n")
    return found


def test_rows_of_local_files(file: Path, tmp_path: Path) -> None:
    write_parquet(f"{READ}  - take: 2\n", [file], tmp_path / "out.parquet")
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == [{"n": 1, "w": "a"}, {"n": 2, "w": "b"}]
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "out.parquet"]


def test_what_it_cannot_do_is_said_in_one_line(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be run") as caught:
        write_parquet(f"{READ}  - take: many\n", [file], tmp_path / "out.parquet")
    assert "\n" not in str(caught.value)


def test_it_is_ended_when_it_takes_too_long(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*arguments: Any, **options: Any) -> None:
        raise subprocess.TimeoutExpired("engine", options["timeout"])

    monkeypatch.setattr(subprocess, "run", late)
    with pytest.raises(ServiceUnavailable, match="600 s"):
        write_parquet(READ, [file], tmp_path / "out.parquet")
