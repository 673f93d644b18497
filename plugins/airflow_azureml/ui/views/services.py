"""A web service: what it serves, how it is doing, and what it said lately."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_azureml.ui.charts import timing
from airflow_azureml.ui.views.documents import document_at, documents_below
from airflow_azureml.ui.views.log import LAST_CHARACTERS
from airflow_azureml.ui.views.models import ServedEntry
from azureml_gate.decision import DecisionRecord
from azureml_gate.history import ChampionHistory, history_path
from azureml_monitoring.record import MonitorRecord
from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from airflow_azureml.ui.charts.chart import Chart
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import RequestSummary, WebService

LOG_LINES = 200
MOST_DOCUMENTS = 50
WINDOWS = ((60, "0 to 1 min"), (300, "1 to 5 min"), (900, "5 to 15 min"), (3600, "15 to 60 min"))
"""Seconds back from now, and what the time between one and the one before it is called."""

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class ServicesView:
    """All web services, and the one that is looked at. `requests` are those of the last hour; the newest first."""

    services: tuple[WebService, ...]
    service: WebService | None
    requests: RequestSummary | None = None
    charts: tuple[Chart, ...] = ()
    log: str | None = None
    history: tuple[ServedEntry, ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()
    monitoring: tuple[MonitorRecord, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, reading: Reading, name: str | None) -> ServicesView:
        """Ask the workspace; the first service when none is named.

        :raises NotFound: there is no such service. :raises WorkspaceError:
        """
        services = tuple(reading.need(lambda workspace: workspace.list_services()))
        service = next((found for found in services if name is None or found.name == name), None)
        if service is None:
            if name is not None:
                raise NotFound(f"there is no web service {name!r}.")
            return cls(services=(), service=None)
        requests, charts = _requests(reading, service)
        history = document_at(reading, history_path(service.name), ChampionHistory)
        entries = () if history is None else history.entries
        return cls(
            services=services,
            service=service,
            requests=requests,
            charts=charts,
            log=_log(reading, service.name),
            history=tuple(ServedEntry(service=service.name, entry=entry) for entry in reversed(entries)),
            decisions=tuple(documents_below(reading, f"decisions/{service.name}", DecisionRecord, most=MOST_DOCUMENTS)),
            monitoring=tuple(
                documents_below(reading, f"monitoring/{service.name}", MonitorRecord, most=MOST_DOCUMENTS)
            ),
            missing=reading.missing,
        )


def _requests(reading: Reading, service: WebService) -> tuple[RequestSummary | None, tuple[Chart, ...]]:
    windows: list[RequestSummary] = []
    for seconds, _ in WINDOWS:
        found = reading.part("requests", _window(service.name, seconds))
        if found is None:
            return None, ()
        windows.append(found)
    hour = windows[-1]
    if not hour.count:
        return hour, ()
    says = "Of the last hour, by how long ago."
    points, before, failed_before, minutes_before = [], 0, 0, 0.0
    for (seconds, name), found in zip(WINDOWS, windows, strict=True):
        minutes = seconds / 60 - minutes_before
        points.append((name, (found.count - before) / minutes, (found.failed - failed_before) / minutes))
        before, failed_before, minutes_before = found.count, found.failed, seconds / 60
    quantiles = [("p50", hour.p50_ms), ("p95", hour.p95_ms), ("p99", hour.p99_ms), ("mean", hour.mean_ms)]
    charts = (
        timing.requests_over_time(points, says=says),
        timing.latency_quantiles(quantiles, says=f"Of the {hour.count:,} requests of the last hour, in the service."),
    )
    return hour, charts


def _window(name: str, seconds: float) -> Callable[[Workspace], RequestSummary]:
    return lambda workspace: workspace.service_requests(name, since_seconds=seconds)


def _log(reading: Reading, name: str) -> str | None:
    if not reading.logs:
        return None
    text = reading.part("log", lambda workspace: workspace.service_logs(name, tail=LOG_LINES))
    return None if text is None else _TERMINAL_CODES.sub("", text).replace("\0", "")[-LAST_CHARACTERS:]
