"""Registered models."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from azureml_workspace.records.base import Record


@dataclass(frozen=True, kw_only=True)
class ModelVersion(Record):
    """One version of a registered model, and the run it came from. Registering a run again finds this version."""

    name: str
    version: int
    run_id: str
    created_at: datetime
    tags: dict[str, str] = field(default_factory=dict)
