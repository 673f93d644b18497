"""What a look at a web service found: the document `monitoring/{service}/{time}`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from azureml_drift.shifts import ColumnShift
from azureml_gate.decision import Versioned
from azureml_monitoring.retraining import Retraining
from azureml_monitoring.settings import MonitorSettings
from azureml_workspace.records import Record, RequestSummary

MOST_SHIFTS = 200
"""Columns whose figures are kept, those that moved most first."""


class MonitorVerdict(StrEnum):
    """The gravest thing found; graver ones stand first."""

    ERRORS = "errors"  # the service fails, refuses too much or is too slow
    BELOW_FLOOR = "below_floor"  # its model is worse than it may be on the newest labelled rows
    DRIFT = "drift"  # clients send other rows than it was trained on
    NOT_ENOUGH = "not_enough"  # too few rows to say whether they do
    OK = "ok"


CheckName = Literal["inputs", "drift", "error rate", "refused rate", "p95", "metric floor"]


@dataclass(frozen=True, kw_only=True)
class MonitorCheck(Record):
    """One question. `unknown` is what could not be answered; `detail` is for a person."""

    name: CheckName
    outcome: Literal["passed", "failed", "unknown"]
    detail: str
    observed: float | None = None
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class MonitorRecord(Record):
    """A look at `service`, which serves `model`. `training` is the dataset that the model was trained on, if known.

    `sampled_rows` of the `scored_rows` of the window were compared; `shifts` are those columns that moved most, of
    `columns`. `metric` is the model's figure on the newest labelled holdout, which `decision` has. `by` is
    `dag_id/run_id`.
    """

    service: str
    at: datetime
    model: Versioned
    settings: MonitorSettings
    verdict: MonitorVerdict
    reason: str
    checks: tuple[MonitorCheck, ...]
    requests: RequestSummary
    sampled_rows: int
    scored_rows: int
    training: Versioned | None = None
    columns: int = 0
    drifted: tuple[str, ...] = ()
    shifts: tuple[ColumnShift, ...] = field(default=())
    metric_name: str = ""
    metric: float | None = None
    decision: str = ""
    retraining: Retraining | None = None
    by: str = ""

    @property
    def path(self) -> str:
        """Where it is stored."""
        return f"monitoring/{self.service}/{self.at:%Y%m%dT%H%M%S.%fZ}"
