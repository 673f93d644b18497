"""What is measured of a server, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field

from azureml_endpoint.load import LoadReport, run_load
from benchmarks.service.contestants import Contestant, OurService


@dataclass(frozen=True)
class Sizes:
    """How much is sent. CPU is counted in ticks of 10 ms, so a repetition keeps a server busy for a second or more."""

    repetitions: int = 5
    our_requests: int = 6000
    peer_requests: int = 150
    stress_requests: int = 20_000
    stress_concurrency: int = 16
    insights_pairs: int = 15
    insights_requests: int = 6000


@dataclass
class Series:
    """Repetitions of one contestant, in the order they were made. CPU in ms per request, latency in ms."""

    cpu_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    requests_per_second: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, report: LoadReport, cpu_seconds: float) -> None:
        self.cpu_ms.append(1000 * cpu_seconds / max(1, report.requests))
        self.p50_ms.append(report.p50_ms if report.p50_ms is not None else float("nan"))
        self.requests_per_second.append(report.requests_per_second)
        self.failed += report.failed


def load(contestant: Contestant, body: bytes, requests: int, concurrency: int = 1, warmup: int = 20) -> LoadReport:
    """One load test. A failed request spoils a measurement, so callers report every one."""
    return run_load(
        contestant.scoring_uri,
        contestant.key,
        body,
        requests=requests,
        concurrency=concurrency,
        warmup=warmup,
        timeout=30,
    )


def add_repetition(series: Series, contestant: Contestant, body: bytes, requests: int, concurrency: int = 1) -> None:
    """Measure once. The warm-up runs before, so that its CPU time is not counted."""
    load(contestant, body, 5, concurrency=1, warmup=0)
    before = contestant.server.cpu_seconds()
    report = load(contestant, body, requests, concurrency=concurrency, warmup=0)
    series.add(report, contestant.server.cpu_seconds() - before)


def alternate(ours: Contestant, peer: Contestant, body: bytes, sizes: Sizes) -> tuple[Series, Series]:
    """Ours and the peer in turns at concurrency 1: A B, B A, A B, ..."""
    our_series, peer_series = Series(), Series()
    turns = [(our_series, ours, sizes.our_requests), (peer_series, peer, sizes.peer_requests)]
    for repetition in range(sizes.repetitions):
        for series, contestant, requests in turns if repetition % 2 == 0 else reversed(turns):
            add_repetition(series, contestant, body, requests)
    return our_series, peer_series


def insights_off_and_on(service: OurService, body: bytes, sizes: Sizes) -> tuple[Series, Series]:
    """Ours with insights off and on in turns, at the concurrency of the stress test: off on, on off, ..."""
    off, on = Series(), Series()
    for pair in range(sizes.insights_pairs):
        for switch, series in ((False, off), (True, on)) if pair % 2 == 0 else ((True, on), (False, off)):
            service.switch_insights(on=switch)
            add_repetition(series, service.contestant, body, sizes.insights_requests, sizes.stress_concurrency)
    service.switch_insights(on=False)
    return off, on
