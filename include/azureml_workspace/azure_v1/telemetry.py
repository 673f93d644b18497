"""A web service's requests, from the workspace's Application Insights.

Azure's inference server (`azureml-inference-server-http`) notes a request in the table `requests`, as a span that it
opens and ends at once. Path, status, time and the service's name are custom dimensions there: of the columns,
`resultCode` and `duration` are the span's own (0, next to nothing), and `name` is empty up to version 1.4 (OpenCensus)
and the path from 1.5 on (OpenTelemetry). A service has the name in its variable `SERVICE_NAME`. What it prints goes to
`traces`: the entry script prints a line per answer with the rows and the unseen values, because nothing else knows
those, and a line for each row of its sample of the inputs. The server itself knows of no keys, so a request whose key
was refused does not reach it, and is not counted.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable
from azureml_workspace.records import MAX_INPUT_ROWS, InputSample, RequestSummary

_API_VERSION = "2018-04-20"
# `itemCount` is how many requests a row stands for, should Application Insights take samples.
_SCORING = (
    "requests | where tostring(customDimensions['Service Name']) == '{name}' "
    "| extend path = coalesce(tostring(customDimensions['name']), name), "
    "status = coalesce(tostring(customDimensions['resultCode']), resultCode), "
    "ms = coalesce(totimespan(tostring(customDimensions['duration'])) / 1ms, duration) "
    "| where path endswith '/score' | summarize seen = sum(itemCount)"
)
_TOTALS = (
    _SCORING + ", failed = sumif(itemCount, toint(status) >= 400), mean_ms = avg(ms), "
    "p50_ms = percentile(ms, 50), p95_ms = percentile(ms, 95), p99_ms = percentile(ms, 99)"
)
_BY_STATUS = _SCORING + " by status"
_ROWS = (
    "traces | where message startswith 'airflow-azureml-scored {name} ' | summarize "
    "rows = sum(extract('rows=([0-9]+)', 1, message, typeof(long))), "
    "unseen = sum(extract('unseen=([0-9]+)', 1, message, typeof(long)))"
)
INPUT_LINE = "airflow-azureml-input "
"""Begins a line that holds a client's row."""
_INPUTS = (
    f"traces | where message startswith '{INPUT_LINE}{{name}} ' | top {{limit}} by timestamp desc | project message"
)
_LATENCIES = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")


def request_summary(azure: AzureConnection, name: str, *, enabled: bool, since_seconds: float | None) -> RequestSummary:
    """The requests of a service that exists.

    :raises Unauthorized: no role on Application Insights (Reader does).
    :raises NotFound: the workspace has no Application Insights.
    """
    totals = _ask(azure, _TOTALS.format(name=name), since_seconds)[0]
    rows = _ask(azure, _ROWS.format(name=name), since_seconds)[0]
    by_status = _ask(azure, _BY_STATUS.format(name=name), since_seconds)
    since = None if since_seconds is None else datetime.now(UTC) - timedelta(seconds=since_seconds)
    count = int(totals["seen"] or 0)
    latencies = {field: _latency(totals[field]) if count else None for field in _LATENCIES}
    return RequestSummary(
        service_name=name,
        enabled=enabled,
        since=since,
        count=count,
        failed=int(totals["failed"] or 0),
        rows=int(rows["rows"] or 0),
        unseen_categories=int(rows["unseen"] or 0),
        by_status={str(row["status"]): int(row["seen"]) for row in by_status},
        **latencies,
    )


def input_sample(
    azure: AzureConnection, name: str, *, collecting: bool, since_seconds: float, limit: int
) -> InputSample:
    """The newest `limit` rows that the entry script of a service that exists has printed.

    :raises InvalidRequest: `limit` is out of bounds. :raises Unauthorized: :raises NotFound: as `request_summary`.
    """
    if not 1 <= limit <= MAX_INPUT_ROWS:
        raise InvalidRequest(f"limit is {limit}; give 1 to {MAX_INPUT_ROWS} rows.")
    lines = _ask(azure, _INPUTS.format(name=name, limit=limit), since_seconds)
    rows = [row for line in lines if (row := _row(str(line["message"]), f"{INPUT_LINE}{name} ")) is not None]
    scored = _ask(azure, _ROWS.format(name=name), since_seconds)[0]
    return InputSample(
        service_name=name,
        since=datetime.now(UTC) - timedelta(seconds=since_seconds),
        collecting=collecting,
        scored=int(scored["rows"] or 0),
        rows=tuple(rows),
    )


def _row(message: str, prefix: str) -> dict[str, Any] | None:
    """The row that a line of the trace holds; None for one that was cut off, or is somebody else's."""
    try:
        row = json.loads(message.removeprefix(prefix))
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _ask(azure: AzureConnection, query: str, since_seconds: float | None) -> list[dict[str, Any]]:
    """The rows of the answer, by column."""
    body = {"query": query}
    if since_seconds is not None:
        body["timespan"] = f"PT{math.ceil(since_seconds)}S"
    answer = azure.rest.json(
        "POST",
        f"{azure.cloud.resource_manager}/{_component(azure)}/query",
        query={"api-version": _API_VERSION},
        body=body,
        repeatable=True,
    )
    try:
        table = answer["tables"][0]
        columns = [str(column["name"]) for column in table["columns"]]
        return [dict(zip(columns, row, strict=True)) for row in table["rows"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ServiceUnavailable(f"Application Insights gave an answer without a table ({error}).") from error


def _component(azure: AzureConnection) -> str:
    """The Resource Manager's id of the workspace's Application Insights, which a workspace need not have."""
    component = str(azure.description["properties"].get("applicationInsights") or "")
    if not component:
        raise NotFound(
            f"workspace {azure.settings.workspace_name!r} has no Application Insights, so nobody keeps the requests of "
            "its web services; link one to the workspace."
        )
    return component.lstrip("/")


def _latency(value: Any) -> float | None:
    """Milliseconds; None for Kusto's NaN, which it writes as text."""
    number = float(value) if value is not None else math.nan
    return number if math.isfinite(number) else None
