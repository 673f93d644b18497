"""A load test of a web service, and what it found.

The generator (`azureml_endpoint._generator`) speaks HTTP/1.1 on asyncio protocols: a general client library costs more
per request than a fast service does, so it would measure itself.
"""

from __future__ import annotations

import ssl
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from azureml_endpoint._generator import generate
from azureml_endpoint._plan import Outcome, Plan
from azureml_endpoint.score import PURPOSE_HEADER, new_traceparent
from azureml_endpoint.transport import check_key, check_uri
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

PERCENTILES = (50, 66, 75, 80, 90, 95, 98, 99, 100)
"""Those that `ab` prints; 100 is the longest request."""

HISTOGRAM_BOUNDS_MS = tuple(round(step * 10**power, 3) for power in range(-2, 5) for step in (1, 1.5, 2, 3, 5, 7))
"""Upper bounds of the histogram's buckets, in milliseconds: six per decade, 0.01 ms to 70 s."""

MAX_ERROR_KINDS = 10


@dataclass(frozen=True, kw_only=True)
class HistogramBucket(Record):
    """Requests that took at most `upper_ms` and longer than the bucket before; `upper_ms` None is without bound."""

    upper_ms: float | None
    count: int


@dataclass(frozen=True, kw_only=True)
class LoadError(Record):
    """One kind of failure and how often it happened."""

    message: str
    count: int


@dataclass(frozen=True, kw_only=True)
class LoadReport(Record):
    """What a load test found. Latencies in milliseconds, over the successful requests alone.

    A request succeeds when its answer is 200 and holds a result; everything else is `failed`, and `requests` counts
    both. `asked` is how many were asked for: fewer were made when `stopped` (else empty) says why. A latency runs from
    handing the request to its connection to the last byte of the answer, opening the connection included when there
    was none open. `mean_ms` is the mean of these, which is not `ab`'s "Time per request" (concurrency x wall / n).
    `requests_per_second` counts successful requests over `seconds` of wall time. `bytes` are those of the answers.

    A percentile q is reported only with at least 10 samples beyond it, n >= 10 / (1 - q): 200 for p95, 1000 for p99.
    Below that it is None and `unmeasured` has the reason under the field's name. Warm-up requests are counted apart
    and are in no other figure. `by_status` and `errors` cover the measured requests.
    """

    scoring_uri: str
    requests: int
    asked: int
    failed: int
    concurrency: int
    keep_alive: bool
    mean_ms: float | None
    min_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    stdev_ms: float | None
    requests_per_second: float
    seconds: float
    bytes: int
    request_bytes: int
    connections: int
    warmup_requests: int
    warmup_failed: int
    operation_id: str
    by_status: dict[str, int] = field(default_factory=dict)
    errors: tuple[LoadError, ...] = ()
    percentiles: dict[str, float | None] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    histogram: tuple[HistogramBucket, ...] = ()
    stopped: str = ""

    @property
    def error_rate(self) -> float | None:
        """Share of failed requests, None when no request was made."""
        return self.failed / self.requests if self.requests else None


def run_load(
    scoring_uri: str,
    key: str | None,
    body: bytes,
    *,
    requests: int = 1000,
    concurrency: int = 1,
    warmup: int = 20,
    timeout: float = 10.0,
    time_limit: float = 600.0,
    keep_alive: bool = True,
    ssl_context: ssl.SSLContext | None = None,
    purpose: str = "benchmark",
) -> LoadReport:
    """Send `body` to the service `requests` times, `concurrency` at a time, and measure.

    `timeout` bounds each request and `time_limit` the whole test, in seconds; so does a service that is gone, which
    ends the test after 100 lost connections or timeouts in a row. `keep_alive` False opens a connection for each
    request, as `ab` does. `ssl_context` is for https services whose certificate the system's store does not know.
    `purpose` is sent in `PURPOSE_HEADER`, unless it is empty: these rows say nothing of what clients send.
    The test runs in a thread of its own, so it may be called where an event loop is running; proxies are not used.

    :raises InvalidRequest: an argument cannot work. Failing requests are counted, not raised.
    """
    _validate(requests=requests, concurrency=concurrency, warmup=warmup, timeout=timeout, time_limit=time_limit)
    check_uri(scoring_uri)
    trace = new_traceparent()
    plan = Plan(
        scoring_uri=scoring_uri,
        key=check_key(key),
        body=body,
        requests=requests,
        concurrency=min(concurrency, requests),
        warmup=warmup,
        timeout=timeout,
        time_limit=time_limit,
        keep_alive=keep_alive,
        traceparent=trace,
        ssl_context=ssl_context,
        headers={PURPOSE_HEADER: purpose} if purpose else {},
    )
    return summarize(plan, generate(plan))


def summarize(plan: Plan, outcome: Outcome) -> LoadReport:
    """The report of a finished test."""
    measured = outcome.measured
    latencies = sorted(measured.latencies_ms)
    made = len(latencies) + measured.failed
    seconds = measured.seconds
    percentiles, unmeasured = _percentiles(latencies)
    mean = sum(latencies) / len(latencies) if latencies else None
    return LoadReport(
        scoring_uri=plan.scoring_uri,
        requests=made,
        asked=plan.requests,
        failed=measured.failed,
        concurrency=plan.concurrency,
        keep_alive=plan.keep_alive,
        mean_ms=mean,
        min_ms=latencies[0] if latencies else None,
        p50_ms=percentiles["50"],
        p95_ms=percentiles["95"],
        p99_ms=percentiles["99"],
        max_ms=latencies[-1] if latencies else None,
        stdev_ms=_stdev(latencies, mean),
        requests_per_second=len(latencies) / seconds if seconds > 0 else 0.0,
        seconds=seconds,
        bytes=measured.bytes,
        request_bytes=len(plan.body),
        connections=outcome.connections,
        warmup_requests=len(outcome.warmup.latencies_ms) + outcome.warmup.failed,
        warmup_failed=outcome.warmup.failed,
        operation_id=plan.traceparent.split("-")[1],
        by_status={str(status): count for status, count in sorted(measured.by_status.items())},
        errors=_errors(measured.errors),
        percentiles=percentiles,
        unmeasured=unmeasured,
        histogram=histogram(latencies),
        stopped=outcome.stopped,
    )


def percentile(ordered: Sequence[float], q: float) -> float:
    """The q-th quantile (0 to 1) of sorted values, by linear interpolation between the closest ranks.

    The definition of numpy's default and of `statistics.quantiles(method="inclusive")` (Hyndman and Fan, type 7).
    """
    position = q * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def samples_needed(percent: int) -> int:
    """The least number of samples for which a percentile is reported: 10 beyond it, at least 1."""
    return max(1, round(1000 / (100 - percent))) if 50 < percent < 100 else 1


def histogram(ordered: Sequence[float]) -> tuple[HistogramBucket, ...]:
    """Counts of sorted latencies (ms) per bucket of `HISTOGRAM_BOUNDS_MS`, from the first used to the last."""
    counts = [0] * (len(HISTOGRAM_BOUNDS_MS) + 1)
    for value in ordered:
        counts[bisect_left(HISTOGRAM_BOUNDS_MS, value)] += 1
    used = [index for index, count in enumerate(counts) if count]
    if not used:
        return ()
    bounds = (*HISTOGRAM_BOUNDS_MS, None)
    return tuple(HistogramBucket(upper_ms=bounds[index], count=counts[index]) for index in range(used[0], used[-1] + 1))


def _percentiles(ordered: Sequence[float]) -> tuple[dict[str, float | None], dict[str, str]]:
    values: dict[str, float | None] = {}
    unmeasured: dict[str, str] = {}
    for percent in PERCENTILES:
        needed = samples_needed(percent)
        if len(ordered) >= needed:
            values[str(percent)] = percentile(ordered, percent / 100)
        else:
            values[str(percent)] = None
            unmeasured[f"p{percent}_ms"] = f"needs at least {needed} successful requests, there were {len(ordered)}"
    return values, unmeasured


def _stdev(values: Sequence[float], mean: float | None) -> float | None:
    if mean is None or len(values) < 2:
        return None
    return float((sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5)


def _errors(counts: Mapping[str, int]) -> tuple[LoadError, ...]:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return tuple(LoadError(message=message, count=count) for message, count in ordered[:MAX_ERROR_KINDS])


def _validate(*, requests: int, concurrency: int, warmup: int, timeout: float, time_limit: float) -> None:
    for name, value, least in (("requests", requests, 1), ("concurrency", concurrency, 1), ("warmup", warmup, 0)):
        if value < least:
            raise InvalidRequest(f"{name} is {value}; it must be at least {least}.")
    if concurrency > 1000:
        raise InvalidRequest(f"concurrency is {concurrency}; at most 1000 connections can be driven from one process.")
    for name, seconds in (("timeout", timeout), ("time_limit", time_limit)):
        if not seconds > 0:
            raise InvalidRequest(f"{name} is {seconds:g}; give a number of seconds above 0.")
