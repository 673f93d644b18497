"""The files of a job: `job.json` in, `events.jsonl`, `outputs/` and at last `result.json` out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from azureml_local.files import read_json, write_json
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLResult, AutoMLSettings, ColumnSchema, Record


@dataclass(frozen=True, kw_only=True)
class JobSpec(Record):
    """`job.json`. `data_path` is a typed parquet file with the `columns`."""

    run_id: str
    data_path: str
    columns: tuple[ColumnSchema, ...]
    settings: AutoMLSettings
    cores: int = 2


class JobFolder:
    """A run's folder, as the job sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path / ".tmp-job"

    def read_spec(self) -> JobSpec:
        """:raises InvalidRequest: `job.json` is missing or not what it should be."""
        content = read_json(self.path / "job.json")
        if not isinstance(content, Mapping):
            raise InvalidRequest(f"{self.path / 'job.json'} does not exist or holds no JSON object.")
        return JobSpec.from_dict(content)

    def append_event(self, event: Mapping[str, Any]) -> None:
        """Append one line to `events.jsonl`, whole and at once."""
        line = msgspec.json.encode({**event, "at": time.time()}) + b"\n"
        with (self.path / "events.jsonl").open("ab", buffering=0) as stream:
            stream.write(line)

    def start(self) -> None:
        """Remove what an earlier, interrupted attempt left, and make the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.path / "outputs", ignore_errors=True)
        (self.path / "events.jsonl").unlink(missing_ok=True)
        (self.path / "result.json").unlink(missing_ok=True)
        (self.scratch / "outputs").mkdir(parents=True)

    def complete(self, result: AutoMLResult) -> None:
        """Publish the outputs, then the result."""
        (self.scratch / "outputs").replace(self.path / "outputs")
        self.clear()
        write_json(self.path / "result.json", {"status": "Completed", "result": result.to_dict()})

    def fail(self, error: str) -> None:
        """Say why there is no result."""
        self.clear()
        write_json(self.path / "result.json", {"status": "Failed", "error": error})

    def clear(self) -> None:
        """Remove the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)
