"""Which rows of a holdout decide: those that have a label."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from azureml_gate.holdout import Holdout, read_holdout
from azureml_workspace.data.ingestion import ingest
from azureml_workspace.records import DatasetFile, DatasetVersion

pytestmark = pytest.mark.unit


class OneDataset:
    """A workspace of one dataset version, with the kinds that a registration finds in its text."""

    def __init__(self, folder: Path, text: str) -> None:
        self._path = folder / "holdout.csv"
        self._path.write_text(text)
        typed = folder / "typed"
        typed.mkdir()
        data = ingest(self._path, typed)
        self._version = DatasetVersion(
            name="holdout",
            version=1,
            fingerprint="sha256:0",
            rows=data.rows,
            columns=data.columns,
            created_at=datetime(2026, 11, 27, tzinfo=UTC),
            profile_uri="",
        )

    def get_dataset(self, *_: object) -> DatasetVersion:
        return self._version

    def download_dataset(self, *_: object) -> DatasetFile:
        return DatasetFile(path=str(self._path), separator=",", encoding="utf-8")


def holdout(folder: Path, labels: list[str], **given: Any) -> Holdout:
    lines = [f"{n},{label}" for n, label in enumerate(labels)]
    workspace: Any = OneDataset(folder, "\n".join(["a,y", *lines]) + "\n")
    return read_holdout(workspace, "holdout", 1, label="y", most=100, seed=0, **given)


def test_what_is_null_among_numbers_is_no_class(tmp_path: Path) -> None:
    found = holdout(tmp_path, ["1", "0", "NA", "", "?", "NaN", "1"])
    assert found.labels == ("1", "0", "1")
    assert found.columns["a"] == ("0", "1", "6")
    assert found.total == 7


def test_among_words_only_what_is_null_everywhere_is_no_class(tmp_path: Path) -> None:
    assert holdout(tmp_path, ["yes", "NA", "null", "none", ""]).labels == ("yes", "NA", "none")
