"""How the service answered: errors, refusals and latency of a window of time."""

from __future__ import annotations

from azureml_monitoring.record import CheckName, MonitorCheck
from azureml_monitoring.settings import MonitorSettings
from azureml_workspace.records import RequestSummary


def request_checks(requests: RequestSummary, settings: MonitorSettings) -> tuple[MonitorCheck, ...]:
    """One check for each limit that there is; unknown when there are fewer requests than it takes."""
    errors = _share(requests, 500, 599)
    refused = _share(requests, 400, 499)
    wanted: tuple[tuple[CheckName, float | None, float | None, str], ...] = (
        ("error rate", errors, settings.max_error_rate, "of the answers are server errors"),
        ("refused rate", refused, settings.max_refused_rate, "of the requests were refused"),
        ("p95", requests.p95_ms, settings.max_p95_ms, "ms is the 95th percentile"),
    )
    return tuple(
        _check(name, observed, limit, words, requests, settings)
        for name, observed, limit, words in wanted
        if limit is not None
    )


def _check(
    name: CheckName,
    observed: float | None,
    limit: float,
    words: str,
    requests: RequestSummary,
    settings: MonitorSettings,
) -> MonitorCheck:
    if observed is None or requests.count < settings.min_requests:
        detail = f"{requests.count} requests, {settings.min_requests} are needed"
        return MonitorCheck(name=name, outcome="unknown", detail=detail, limit=limit)
    shown = f"{observed:.1f}" if name == "p95" else f"{observed:.2%}"
    most = f"{limit:g}" if name == "p95" else f"{limit:.2%}"
    return MonitorCheck(
        name=name,
        outcome="passed" if observed <= limit else "failed",
        detail=f"{shown} {words} of {requests.count}, {most} at most is asked",
        observed=observed,
        limit=limit,
    )


def _share(requests: RequestSummary, least: int, most: int) -> float | None:
    """Of the answers whose status is in that range; None without any answer."""
    if not requests.count:
        return None
    counted = sum(count for status, count in requests.by_status.items() if _is_within(status, least, most))
    return counted / requests.count


def _is_within(status: str, least: int, most: int) -> bool:
    return status.isdigit() and least <= int(status) <= most
