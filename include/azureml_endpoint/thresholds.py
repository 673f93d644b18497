"""What a load test must reach to pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from azureml_endpoint.load import LoadReport
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class ThresholdResult(Record):
    """One limit and how the load test did. `observed` is None when it could not be measured, which does not pass."""

    name: str
    limit: float
    observed: float | None
    passed: bool
    detail: str


def check_thresholds(
    report: LoadReport,
    *,
    p50_ms: float | None = None,
    p95_ms: float | None = None,
    p99_ms: float | None = None,
    error_rate: float | None = None,
    min_requests_per_second: float | None = None,
) -> tuple[ThresholdResult, ...]:
    """Hold `report` against the limits that are given; a value equal to its limit passes.

    `error_rate` is the greatest share of failed requests, 0 to 1.

    :raises InvalidRequest: a limit is negative or not a number, or `error_rate` is above 1.
    """
    if error_rate is not None and error_rate > 1:
        raise InvalidRequest(f"error_rate is {error_rate:g}; give a share between 0 and 1 (0.01 is one in a hundred).")
    at_most: tuple[tuple[str, float | None, float | None], ...] = (
        ("p50_ms", p50_ms, report.p50_ms),
        ("p95_ms", p95_ms, report.p95_ms),
        ("p99_ms", p99_ms, report.p99_ms),
        ("error_rate", error_rate, report.error_rate),
    )
    results = [
        _check(report, name, limit, observed, "at most", lambda value, bound: value <= bound)
        for name, limit, observed in at_most
        if limit is not None
    ]
    if min_requests_per_second is not None:
        name = "min_requests_per_second"
        observed = report.requests_per_second
        results.append(
            _check(report, name, min_requests_per_second, observed, "at least", lambda value, bound: value >= bound)
        )
    return tuple(results)


def _check(
    report: LoadReport,
    name: str,
    limit: float,
    observed: float | None,
    words: str,
    holds: Callable[[float, float], bool],
) -> ThresholdResult:
    if not limit >= 0:
        raise InvalidRequest(f"{name} is {limit:g}; give 0 or more.")
    if observed is None:
        reason = report.unmeasured.get(name, "it was not measured")
        return ThresholdResult(name=name, limit=limit, observed=None, passed=False, detail=f"{name}: {reason}")
    detail = f"{name} is {observed:.4g}, {words} {limit:g} was asked for"
    return ThresholdResult(name=name, limit=limit, observed=observed, passed=holds(observed, limit), detail=detail)
