import random
import statistics
from typing import Any

import numpy as np
import pytest

from azureml_endpoint._plan import Outcome, Plan, Tally
from azureml_endpoint.load import HISTOGRAM_BOUNDS_MS, LoadReport, histogram, percentile, samples_needed, summarize
from azureml_endpoint.report import format_report
from azureml_endpoint.thresholds import check_thresholds
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


def report_of(latencies: list[float], *, failed: int = 0, stopped: str = "", **plan: Any) -> LoadReport:
    tally = Tally(target=len(latencies) + failed)
    tally.latencies_ms.extend(latencies)
    for _ in range(failed):
        tally.fail("HTTP 500: boom")
    tally.by_status.update({200: len(latencies), 500: failed})
    tally.seconds = 2.0
    settings: dict[str, Any] = {
        "scoring_uri": "http://127.0.0.1:1/score", "key": "topsecret", "body": b"{}", "requests": tally.target,
        "concurrency": 4, "warmup": 0, "timeout": 1, "time_limit": 1, "keep_alive": True,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }  # fmt: skip
    outcome = Outcome(warmup=Tally(), measured=tally, connections=4, stopped=stopped)
    return summarize(Plan(**(settings | plan)), outcome)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 999, 1000])
def test_percentiles_are_those_of_numpy_and_statistics(count: int) -> None:
    values = sorted(random.Random(count).expovariate(1) for _ in range(count))
    for percent in (0, 25, 50, 66, 90, 95, 99, 100):
        assert percentile(values, percent / 100) == pytest.approx(float(np.percentile(values, percent)), rel=1e-12)
    if count > 1:
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        assert [percentile(values, n / 100) for n in range(1, 100)] == pytest.approx(cuts, rel=1e-9)


def test_a_report_adds_up() -> None:
    values = [random.Random(7).uniform(0.2, 40) for _ in range(1)] + [float(n) for n in range(1, 1200)]
    report = report_of(values, failed=300)
    assert (report.requests, report.asked, report.failed) == (1500, 1500, 300)
    assert report.error_rate == 0.2
    assert report.mean_ms == pytest.approx(statistics.fmean(values))
    assert report.stdev_ms == pytest.approx(statistics.stdev(values))
    assert (report.min_ms, report.max_ms) == (min(values), max(values))
    assert report.p50_ms == pytest.approx(statistics.median(values))
    assert report.p95_ms == pytest.approx(float(np.percentile(values, 95)))
    assert report.p99_ms == pytest.approx(float(np.percentile(values, 99)))
    assert report.requests_per_second == 600  # successful ones over two seconds
    assert report.by_status == {"200": 1200, "500": 300}
    assert sum(bucket.count for bucket in report.histogram) == 1200
    assert LoadReport.from_dict(report.to_dict()) == report


@pytest.mark.parametrize(("percent", "needed"), [(50, 1), (90, 100), (95, 200), (98, 500), (99, 1000), (100, 1)])
def test_a_percentile_needs_ten_samples_beyond_it(percent: int, needed: int) -> None:
    assert samples_needed(percent) == needed


@pytest.mark.parametrize(
    ("count", "p95", "p99"), [(199, False, False), (200, True, False), (999, True, False), (1000, True, True)]
)
def test_percentiles_without_enough_samples_are_refused_with_a_reason(count: int, p95: bool, p99: bool) -> None:
    report = report_of([1.0] * count)
    assert (report.p95_ms is not None, report.p99_ms is not None) == (p95, p99)
    assert ("p95_ms" in report.unmeasured, "p99_ms" in report.unmeasured) == (not p95, not p99)
    if not p99:
        assert f"needs at least 1000 successful requests, there were {count}" in report.unmeasured["p99_ms"]


def test_nothing_but_failures_has_no_latency() -> None:
    report = report_of([], failed=5)
    assert (report.mean_ms, report.p50_ms, report.max_ms, report.requests_per_second) == (None, None, None, 0.0)
    assert report.histogram == ()
    assert "5 x HTTP 500: boom" in format_report(report)


def test_histogram_bounds_belong_to_the_bucket_below_and_the_tail_is_open() -> None:
    buckets = histogram([0.005, 0.01, 0.02, 1e9])
    assert (buckets[0].upper_ms, buckets[0].count) == (0.01, 2)
    assert (buckets[-1].upper_ms, buckets[-1].count) == (None, 1)
    assert [bucket.upper_ms for bucket in buckets[:-1]] == list(HISTOGRAM_BOUNDS_MS)


def test_the_kinds_of_errors_are_bounded() -> None:
    tally = Tally(target=500)
    for number in range(500):
        tally.fail(f"HTTP 500: request {number} failed")
    assert tally.failed == 500
    assert sum(tally.errors.values()) == 500
    assert len(tally.errors) <= 51


def test_the_printed_report_has_the_words_of_ab_and_no_key() -> None:
    text = format_report(report_of([1.0, 2.0, 3.0] * 100, stopped="the time limit of 1 s was reached", requests=900))
    for words in (
        "Requests per second:    150.00 [#/sec]", "Time per request:       2.000 [ms] (mean)",
        "Percentage of the requests served within a certain time (ms)", "Complete requests:      300 of 900",
        "Ended early:            the time limit", "needs at least 1000 successful requests, there were 300",
        "100%      3.000 (longest request)",
    ):  # fmt: skip
        assert words in text
    assert "topsecret" not in text


def test_thresholds_pass_at_their_limit_and_fail_beyond_it() -> None:
    report = report_of([2.0] * 1000, failed=0)
    assert all(
        item.passed for item in check_thresholds(report, p95_ms=2, p99_ms=2, error_rate=0, min_requests_per_second=500)
    )
    failing = check_thresholds(report, p50_ms=1.9, p95_ms=1.9, p99_ms=1.9, min_requests_per_second=500.1)
    assert [item.passed for item in failing] == [False] * 4
    assert failing[1].detail == "p95_ms is 2, at most 1.9 was asked for"
    assert check_thresholds(report) == ()


def test_an_unmeasured_threshold_does_not_pass_and_says_why() -> None:
    (result,) = check_thresholds(report_of([1.0] * 10), p99_ms=1000)
    assert (result.passed, result.observed) == (False, None)
    assert "there were 10" in result.detail


def test_a_failure_counts_against_the_error_rate() -> None:
    report = report_of([1.0] * 99, failed=1)
    assert [item.passed for item in check_thresholds(report, error_rate=0.01)] == [True]
    assert [item.passed for item in check_thresholds(report, error_rate=0.009)] == [False]


@pytest.mark.parametrize("limits", [{"p95_ms": -1.0}, {"error_rate": 1.5}, {"p99_ms": float("nan")}])
def test_a_limit_that_cannot_be_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(limits))):
        check_thresholds(report_of([1.0]), **limits)
