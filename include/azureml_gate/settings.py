"""What the gate asks of a challenger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import PRIMARY_METRICS, Record
from azureml_workspace.records.base import check_number

PromotionRule = Literal["not_worse", "better", "point"]

_SHARES = ("tolerance", "cohort_tolerance", "max_error_rate")
_LEAST: dict[str, int] = {
    "bootstrap_samples": 100,
    "min_holdout_rows": 1,
    "max_holdout_rows": 1,
    "cohort_min_rows": 10,
    "requests": 10,
    "concurrency": 1,
    "seed": 0,
}


@dataclass(frozen=True, kw_only=True)
class GateSettings(Record):
    """Thresholds. Shares are 0 to 1, times in milliseconds; None asks for nothing.

    `rule` says when the primary metric of challenger and champion on the same holdout is good enough:

    * `not_worse` (default): the lower end of the paired bootstrap interval of their difference is not below
      -`tolerance`. An equal model is promoted only when it was trained on newer data.
    * `better`: the lower end is above 0.
    * `point`: the difference itself is not below -`tolerance`; for holdouts too small for an interval to say anything.

    `min_metric` is the least primary metric of any challenger, which is all that a first model is held to.
    `min_holdout_rows` are needed for any of that; of more than `max_holdout_rows` a random part is scored.

    A cohort is the rows of one value, or band of values, of a column; `cohort_columns` empty chooses columns. It must
    have `cohort_min_rows`. One in which the challenger is more than `cohort_tolerance` worse, and is so for certain,
    fails it. None looks at no cohorts.

    `requests` are sent to each service in turns, `concurrency` at a time, to see latency and errors. A challenger is
    too slow when in more than three of four turns its 95th percentile is more than `max_p95_ratio` times the
    champion's, and at least `p95_slack_ms` above it, since less is noticed by no client. `max_p95_ms` is held against
    the median of the turns.

    `allow_older` lets a model of older data than the champion's come to the gate, `allow_contract_change` one whose
    service takes other columns than the clients send now.
    """

    primary_metric: str = "AUC_weighted"
    min_metric: float | None = None
    rule: PromotionRule = "not_worse"
    tolerance: float = 0.01
    confidence: float = 0.95
    bootstrap_samples: int = 1000
    min_holdout_rows: int = 50
    max_holdout_rows: int = 20_000
    cohort_columns: tuple[str, ...] = ()
    cohort_tolerance: float | None = 0.05
    cohort_min_rows: int = 30
    max_p95_ms: float | None = None
    max_p95_ratio: float | None = 2.0
    p95_slack_ms: float = 5.0
    max_error_rate: float = 0.0
    requests: int = 200
    concurrency: int = 2
    allow_older: bool = False
    allow_contract_change: bool = False
    seed: int = 42

    def validate(self) -> None:
        """:raises InvalidRequest: names the first bad value, what was expected and what to do."""
        if self.primary_metric not in PRIMARY_METRICS:
            raise InvalidRequest(
                f"primary_metric is {self.primary_metric!r}; choose one of {', '.join(PRIMARY_METRICS)}."
            )
        if self.rule not in get_args(PromotionRule):
            raise InvalidRequest(f"rule is {self.rule!r}; choose one of {', '.join(get_args(PromotionRule))}.")
        if not 0.5 <= self.confidence < 1:
            raise InvalidRequest(f"confidence is {self.confidence:g}; give 0.5 or more and less than 1, such as 0.95.")
        for name in _SHARES:
            check_number(name, getattr(self, name), most=1.0)
        for name in ("max_p95_ms", "max_p95_ratio", "p95_slack_ms"):
            check_number(name, getattr(self, name))
        check_number("min_metric", self.min_metric, least=-1.0, most=1.0)
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise InvalidRequest(f"{name} is {getattr(self, name)}; give {least} or more.")
