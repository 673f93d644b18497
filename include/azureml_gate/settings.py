"""What the gate asks of a challenger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from azureml_workspace.records import Record

PromotionRule = Literal["not_worse", "better", "point"]


@dataclass(frozen=True, kw_only=True)
class GateSettings(Record):
    """Thresholds. Shares are 0 to 1, times in milliseconds; None asks for nothing.

    `rule` says when the primary metric of challenger and champion on the same holdout is good enough:

    * `not_worse` (default): the lower end of the paired bootstrap interval of their difference is not below
      -`tolerance`. An equal model is promoted only when it was trained on newer data.
    * `better`: the lower end is above 0.
    * `point`: the difference itself is not below -`tolerance`; for holdouts too small for an interval to say anything.
    """

    primary_metric: str = "AUC_weighted"
    min_metric: float | None = None
    rule: PromotionRule = "not_worse"
    tolerance: float = 0.01
    confidence: float = 0.95
    bootstrap_samples: int = 1000
    min_holdout_rows: int = 50
    cohort_columns: tuple[str, ...] = ()
    cohort_tolerance: float = 0.05
    cohort_min_rows: int = 30
    max_p95_ms: float | None = None
    max_p95_ratio: float | None = 2.0
    max_error_rate: float = 0.0
    requests: int = 200
    concurrency: int = 2
    allow_older: bool = False
    seed: int = 42
