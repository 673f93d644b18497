"""Writes source bytes and ingests them into a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azureml_workspace.data.ingestion import IngestedData, ingest

Ingest = Callable[..., IngestedData]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The folder that ingest writes to."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def ingest_text(tmp_path: Path, target: Path) -> Ingest:
    """Ingest a text, or bytes, as if they were the content of `source.csv`."""

    def run(content: str | bytes, **options: Any) -> IngestedData:
        source = tmp_path / "source.csv"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ingest(source, target, **options)

    return run
