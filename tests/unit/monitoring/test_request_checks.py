"""Errors, refusals and latency against their limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from azureml_monitoring.requests import request_checks
from azureml_monitoring.settings import MonitorSettings
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import RequestSummary

pytestmark = pytest.mark.unit

SUMMARY = RequestSummary(
    service_name="s",
    enabled=True,
    since=None,
    count=100,
    failed=12,
    rows=88,
    unseen_categories=0,
    p95_ms=12.5,
    by_status={"200": 88, "400": 9, "401": 1, "500": 1, "503": 1},
)


def outcome(name: str, summary: RequestSummary = SUMMARY, **limits: Any) -> Any:
    (check,) = [check for check in request_checks(summary, MonitorSettings(**limits)) if check.name == name]
    return check


@pytest.mark.parametrize(
    ("name", "limit", "below", "at", "observed"),
    [
        ("error rate", "max_error_rate", 0.019, 0.02, 0.02),
        ("refused rate", "max_refused_rate", 0.099, 0.1, 0.1),
        ("p95", "max_p95_ms", 12.4, 12.5, 12.5),
    ],
)
def test_a_figure_at_its_limit_passes(name: str, limit: str, below: float, at: float, observed: float) -> None:
    assert outcome(name, SUMMARY, **{limit: at}).outcome == "passed"
    failed = outcome(name, SUMMARY, **{limit: below})
    assert (failed.outcome, failed.observed, failed.limit) == ("failed", observed, below)


def test_no_limit_no_check() -> None:
    assert [check.name for check in request_checks(SUMMARY, MonitorSettings())] == ["error rate"]
    assert request_checks(SUMMARY, MonitorSettings(max_error_rate=None)) == ()


@pytest.mark.parametrize("summary", [replace(SUMMARY, count=19), replace(SUMMARY, count=0, by_status={}, p95_ms=None)])
def test_too_few_requests_say_nothing(summary: RequestSummary) -> None:
    for name, limit in (("error rate", "max_error_rate"), ("p95", "max_p95_ms")):
        check = outcome(name, summary, **{limit: 0.0})
        assert (check.outcome, check.observed) == ("unknown", None)
        assert f"{summary.count} requests, 20 are needed" in check.detail


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"window_hours": 0}, "window_hours is 0"),
        ({"window_hours": 24 * 91}, "90 days"),
        ({"min_rows": 19}, "min_rows is 19; give 20 to 10000"),
        ({"max_rows": 10_001}, "max_rows is 10001"),
        ({"min_rows": 300, "max_rows": 200}, "min_rows is 300, more than max_rows"),
        ({"max_error_rate": 1.5}, "max_error_rate is 1.5; give 0 to 1"),
        ({"max_psi": -1.0}, "max_psi is -1; give 0 or more"),
        ({"min_metric": 1.2}, "min_metric is 1.2"),
        ({"metric": "AUC"}, "metric is 'AUC'; choose one of"),
    ],
)
def test_settings_that_cannot_work_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        MonitorSettings(**given).validate()
