"""Where things are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = REPOSITORY / ".local" / "bench"
"""Environments, prepared models and cached results; safe to delete, everything in it is made again."""

RESULTS = REPOSITORY / "benchmarks" / "RESULTS.md"


def our_sources(*packages: str) -> list[Path]:
    """The source files of packages of the local Azure ML, in a fixed order."""
    root = REPOSITORY / "include" / "azureml_local"
    return [source for package in packages for source in sorted((root / package).rglob("*.py"))]


def digest_of(*files: Path) -> str:
    """A short name for the content of some files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


class MissingData(Exception):
    """The data a benchmark is defined on is not here."""


def bank_marketing_csv(given: str | None = None) -> Path:
    """The Bank Marketing training file. :raises MissingData: says where it was looked for."""
    named = given or os.environ.get("BANK_MARKETING_CSV")
    path = Path(named) if named else REPOSITORY.parent / "shared" / "data" / "bankmarketing_train.csv"
    if not path.is_file():
        raise MissingData(
            f"There is no file {path}. Give the Bank Marketing training data (32,950 rows) with --data or with the "
            "variable BANK_MARKETING_CSV."
        )
    return path.resolve()
