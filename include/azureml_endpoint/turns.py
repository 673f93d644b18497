"""Load on several web services in turns, so that what else the machine and the network do meets all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from azureml_endpoint._generator import generate
from azureml_endpoint._plan import Outcome, Plan, Tally
from azureml_endpoint.load import LoadReport, percentile, summarize
from azureml_endpoint.score import PURPOSE_HEADER, new_traceparent
from azureml_endpoint.transport import check_key, check_uri
from azureml_workspace.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class Target:
    """A web service and the body of each request to it."""

    scoring_uri: str
    key: str | None = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TurnsReport:
    """All requests to one service as one report, and the 95th percentile of each turn in milliseconds.

    A turn without a successful request has no percentile. That of a turn is of few requests: one is off by a lot now
    and then, their median is not.
    """

    load: LoadReport
    p95_ms_by_turn: tuple[float | None, ...]


def load_in_turns(
    targets: Sequence[Target],
    *,
    requests: int,
    turns: int,
    concurrency: int = 1,
    warmup: int = 5,
    timeout: float = 10.0,
    time_limit: float = 120.0,
    purpose: str = "",
) -> list[TurnsReport]:
    """Send each service its body `requests` times, in `turns` turns, and report on each service.

    The order of the services is turned round after each turn. Each turn warms up with `warmup` requests. `time_limit`
    bounds each turn of each service, in seconds. `purpose` is sent in `PURPOSE_HEADER`, unless it is empty.

    :raises InvalidRequest: an argument cannot work. Failing requests are counted, not raised.
    """
    if not 1 <= turns <= requests or concurrency < 1:
        raise InvalidRequest(
            f"{requests} requests in {turns} turns, {concurrency} at once, cannot be sent; give 1 or more of each, and "
            "no more turns than requests."
        )
    plans = [_plan(target, concurrency, warmup, timeout, time_limit, purpose) for target in targets]
    outcomes: list[list[Outcome]] = [[] for _ in plans]
    for turn in range(turns):
        share = requests // turns + (turn < requests % turns)
        places = range(len(plans)) if turn % 2 == 0 else reversed(range(len(plans)))
        for place in places:
            plan = replace(plans[place], requests=share, concurrency=min(concurrency, share))
            outcomes[place].append(generate(plan))
    return [
        TurnsReport(
            load=summarize(replace(plan, requests=requests), _together(made)),
            p95_ms_by_turn=tuple(_p95(outcome.measured) for outcome in made),
        )
        for plan, made in zip(plans, outcomes, strict=True)
    ]


def _plan(target: Target, concurrency: int, warmup: int, timeout: float, time_limit: float, purpose: str) -> Plan:
    check_uri(target.scoring_uri)
    return Plan(
        scoring_uri=target.scoring_uri,
        key=check_key(target.key),
        body=target.body,
        requests=1,
        concurrency=concurrency,
        warmup=warmup,
        timeout=timeout,
        time_limit=time_limit,
        keep_alive=True,
        traceparent=new_traceparent(),
        headers={PURPOSE_HEADER: purpose} if purpose else {},
    )


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        warmup=_sum([outcome.warmup for outcome in outcomes]),
        measured=_sum([outcome.measured for outcome in outcomes]),
        connections=sum(outcome.connections for outcome in outcomes),
        stopped=next((outcome.stopped for outcome in outcomes if outcome.stopped), ""),
    )


def _sum(tallies: Sequence[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.target += tally.target
        total.issued += tally.issued
        total.latencies_ms.extend(tally.latencies_ms)
        total.failed += tally.failed
        total.bytes += tally.bytes
        total.seconds += tally.seconds
        total.by_status.update(tally.by_status)
        total.errors.update(tally.errors)
    return total


def _p95(tally: Tally) -> float | None:
    return percentile(sorted(tally.latencies_ms), 0.95) if tally.latencies_ms else None
