"""How long a run waited and how long it worked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azureml_workspace.records import Run


@dataclass(frozen=True, kw_only=True)
class Spans:
    """In seconds; `worked` is None for a run that has not started."""

    queued: float
    worked: float | None

    @classmethod
    def of(cls, run: Run, now: datetime) -> Spans:
        """Up to the run's end, or to `now`."""
        end = run.ended_at or now
        return cls(
            queued=max(0.0, ((run.started_at or end) - run.created_at).total_seconds()),
            worked=None if run.started_at is None else max(0.0, (end - run.started_at).total_seconds()),
        )
