"""Application Insights of the workspace, asked through Azure Resource Manager: the telemetry of web services.

There is no Kusto here: the four queries of `azureml_workspace.azure_v1.telemetry` are known by their words, and what
they ask for comes from the engine's own telemetry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.surface import Surface
from azureml_local.services.manager import ServiceManager
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import RequestSummary

_EVER_SECONDS = 10 * 365 * 24 * 3600.0
Table = dict[str, Any]

_SERVICE = "(?P<service>[a-z0-9-]+)"
_SCORING = (
    rf"requests \| where tostring\(customDimensions\['Service Name'\]\) == '{_SERVICE}' "
    r"\| extend path = coalesce\(tostring\(customDimensions\['name'\]\), name\), "
    r"status = coalesce\(tostring\(customDimensions\['resultCode'\]\), resultCode\), "
    r"ms = coalesce\(totimespan\(tostring\(customDimensions\['duration'\]\)\) / 1ms, duration\) "
    r"\| where path endswith '/score' \| summarize seen = sum\(itemCount\)"
)
_TOTALS = re.compile(
    _SCORING + r", failed = sumif\(itemCount, toint\(status\) >= 400\), mean_ms = avg\(ms\), "
    r"p50_ms = percentile\(ms, 50\), p95_ms = percentile\(ms, 95\), p99_ms = percentile\(ms, 99\)"
)
_BY_STATUS = re.compile(_SCORING + r" by status")
_ROWS = re.compile(
    rf"traces \| where message startswith 'airflow-azureml-scored {_SERVICE} ' \| summarize "
    r"rows = sum\(extract\('rows=\(\[0-9\]\+\)', 1, message, typeof\(long\)\)\), "
    r"unseen = sum\(extract\('unseen=\(\[0-9\]\+\)', 1, message, typeof\(long\)\)\)"
)
_INPUTS = re.compile(
    rf"traces \| where message startswith 'airflow-azureml-input {_SERVICE} ' \| top (?P<limit>[0-9]{{1,5}}) "
    r"by timestamp desc \| project message"
)
_TIMESPAN = re.compile(r"PT(\d+)S")


def routes(surface: Surface) -> list[Route]:
    """The query of the workspace's Application Insights."""
    services = surface.workspace.services

    def answer(_: Request, body: Any) -> dict[str, list[Table]]:
        text = " ".join(str(as_object(body).get("query", "")).split())
        since = _seconds(body.get("timespan"))
        inputs = _INPUTS.fullmatch(text)
        if inputs is not None:
            return {"tables": [_inputs(services, inputs["service"], since, int(inputs["limit"]))]}
        service, tabulate = _understood(text)
        try:
            summary = services.requests(service, since)
        except NotFound:
            # Application Insights knows names only from what was sent under them.
            summary = RequestSummary(
                service_name=service, enabled=False, since=None, count=0, failed=0, rows=0, unseen_categories=0
            )
        return {"tables": [tabulate(summary)]}

    component = f"{surface.addresses.group_id}/providers/Microsoft.Insights/components/{{component}}"
    return [Route(f"{component}/query", answering(answer), methods=["POST"])]


def _inputs(services: ServiceManager, service: str, since: float | None, limit: int) -> Table:
    """The rows as the entry script prints them on Azure."""
    try:
        rows = services.inputs(service, _EVER_SECONDS if since is None else since, limit).rows
    except NotFound:
        rows = ()
    lines = [[f"airflow-azureml-input {service} {json.dumps(row)}"] for row in rows]
    return _table({"message": "string"}, lines)


def _understood(words: str) -> tuple[str, Callable[[RequestSummary], Table]]:
    """The service that the query is about, and what it asks. :raises InvalidRequest: it is another query."""
    for pattern, tabulate in ((_TOTALS, _totals), (_BY_STATUS, _by_status), (_ROWS, _rows)):
        found = pattern.fullmatch(words)
        if found is not None:
            return found["service"], tabulate
    raise InvalidRequest(
        "this query is not known: the local Azure ML has no Kusto, and answers only what airflow-azureml asks of a web "
        "service's requests. `python -m azureml_local requests SERVICE` shows the telemetry."
    )


def _seconds(timespan: Any) -> float | None:
    """:raises InvalidRequest:"""
    if timespan is None:
        return None
    found = _TIMESPAN.fullmatch(str(timespan))
    if found is None:
        raise InvalidRequest(f"timespan is {timespan!r}; give seconds, such as PT300S.")
    return float(found[1])


def _totals(summary: RequestSummary) -> Table:
    columns = {"seen": "long", "failed": "long"} | dict.fromkeys(("mean_ms", "p50_ms", "p95_ms", "p99_ms"), "real")
    row = [summary.count, summary.failed, summary.mean_ms, summary.p50_ms, summary.p95_ms, summary.p99_ms]
    return _table(columns, [row])


def _by_status(summary: RequestSummary) -> Table:
    return _table({"status": "string", "seen": "long"}, [list(pair) for pair in summary.by_status.items()])


def _rows(summary: RequestSummary) -> Table:
    return _table({"rows": "long", "unseen": "long"}, [[summary.rows, summary.unseen_categories]])


def _table(columns: dict[str, str], rows: list[list[Any]]) -> Table:
    return {
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
        "rows": rows,
    }
