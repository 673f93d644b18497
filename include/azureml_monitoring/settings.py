"""What monitoring asks of a web service."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import MAX_INPUT_ROWS, PRIMARY_METRICS, Record
from azureml_workspace.records.base import check_number

_LEAST = {"min_rows": 20, "min_requests": 1, "max_rows": 20}
_SHARES = ("max_null_increase", "max_error_rate", "max_refused_rate", "significance")


@dataclass(frozen=True, kw_only=True)
class MonitorSettings(Record):
    """Limits. Shares are 0 to 1, times in milliseconds; None asks for nothing.

    Of the last `window_hours`, at most `max_rows` sampled rows are compared with the training data, and at least
    `min_rows` are needed. A column has drifted when its PSI, its KS statistic or the growth of its share of nulls is
    above the limit and no accident (`significance` is that of all columns together). `ignore_columns` may drift.

    `max_error_rate` is of answers of 500 and above, `max_refused_rate` of 400 to 499, both of at least `min_requests`.

    `min_metric` is the floor of `metric` (default: the gate's primary metric) on the newest labelled holdout.
    """

    window_hours: float = 24.0
    min_rows: int = 200
    max_rows: int = 2000
    max_psi: float | None = 0.25
    max_ks: float | None = 0.3
    max_null_increase: float | None = 0.1
    significance: float = 0.001
    ignore_columns: tuple[str, ...] = ()
    min_requests: int = 20
    max_error_rate: float | None = 0.01
    max_refused_rate: float | None = None
    max_p95_ms: float | None = None
    metric: str | None = None
    min_metric: float | None = None

    def validate(self) -> None:
        """:raises InvalidRequest: names the first bad value, what was expected and what to do."""
        if not 0 < self.window_hours <= 24 * 90:
            raise InvalidRequest(f"window_hours is {self.window_hours:g}; give a time above 0 and at most 90 days.")
        for name, least in _LEAST.items():
            if not least <= getattr(self, name) <= MAX_INPUT_ROWS:
                raise InvalidRequest(f"{name} is {getattr(self, name)}; give {least} to {MAX_INPUT_ROWS}.")
        if self.min_rows > self.max_rows:
            raise InvalidRequest(f"min_rows is {self.min_rows}, more than max_rows, which is {self.max_rows}.")
        for name in _SHARES:
            check_number(name, getattr(self, name), most=1.0)
        for name in ("max_psi", "max_ks", "max_p95_ms"):
            check_number(name, getattr(self, name))
        check_number("min_metric", self.min_metric, least=-1.0, most=1.0)
        if self.metric is not None and self.metric not in PRIMARY_METRICS:
            raise InvalidRequest(f"metric is {self.metric!r}; choose one of {', '.join(PRIMARY_METRICS)}.")
