from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.telemetry import input_sample, request_summary
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable

pytestmark = pytest.mark.unit

COMPONENT = "/subscriptions/s/resourceGroups/g/providers/microsoft.insights/components/c"


def table(*rows: dict[str, Any]) -> dict[str, Any]:
    columns = [{"name": name, "type": "dynamic"} for name in rows[0]] if rows else []
    return {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [list(row.values()) for row in rows]}]}


class Insights:
    """Answers in the order of the questions: totals, rows, statuses."""

    def __init__(self, *answers: dict[str, Any], **properties: Any) -> None:
        self.answers = list(answers)
        self.properties = {"applicationInsights": COMPONENT} | properties
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def json(self, method: str, url: str, **request: Any) -> Any:
        self.asked.append((f"{method} {url}", request["body"]))
        return self.answers.pop(0)

    @property
    def azure(self) -> AzureConnection:
        return cast(
            "AzureConnection",
            SimpleNamespace(
                rest=self,
                cloud=SimpleNamespace(resource_manager="https://management.azure.com"),
                description={"properties": self.properties},
                settings=SimpleNamespace(workspace_name="ml"),
            ),
        )


def totals(seen: Any, failed: Any, latency: Any) -> dict[str, Any]:
    return table({"seen": seen, "failed": failed} | dict.fromkeys(("mean_ms", "p50_ms", "p95_ms", "p99_ms"), latency))


def test_a_summary() -> None:
    insights = Insights(
        totals(3, 1, 2.5),
        table({"rows": 5, "unseen": 1}),
        table({"status": "200", "seen": 2}, {"status": "400", "seen": 1}),
    )
    summary = request_summary(insights.azure, "bank", enabled=True, since_seconds=59.1)
    assert (summary.count, summary.failed, summary.rows, summary.unseen_categories) == (3, 1, 5, 1)
    assert (summary.p50_ms, summary.by_status) == (2.5, {"200": 2, "400": 1})
    assert summary.since is not None
    for place, body in insights.asked:
        assert place == f"POST https://management.azure.com{COMPONENT}/query"
        assert body["timespan"] == "PT60S"
        assert "'bank'" in body["query"] or "airflow-azureml-scored bank " in body["query"]


@pytest.mark.parametrize("nothing", [None, "NaN"])
def test_no_requests(nothing: Any) -> None:
    """Kusto sums nothing to null, or to zero, and has NaN for the mean of nothing."""
    insights = Insights(totals(0, None, nothing), table({"rows": None, "unseen": 0}), table())
    summary = request_summary(insights.azure, "bank", enabled=False, since_seconds=None)
    assert (summary.count, summary.failed, summary.rows, summary.mean_ms, summary.by_status) == (0, 0, 0, None, {})
    assert summary.since is None
    assert "timespan" not in insights.asked[0][1]


def test_an_answer_without_a_table_is_the_services_trouble() -> None:
    with pytest.raises(ServiceUnavailable):
        request_summary(Insights({"tables": []}).azure, "bank", enabled=True, since_seconds=None)


def test_a_request_is_found_by_the_path_that_azures_server_notes() -> None:
    """Which is a custom dimension: the column `name` is empty, so a filter on it alone finds nothing."""
    insights = Insights(totals(0, None, None), table({"rows": None, "unseen": 0}), table())
    request_summary(insights.azure, "bank", enabled=True, since_seconds=None)
    for query in (insights.asked[0][1]["query"], insights.asked[2][1]["query"]):
        assert "extend path = coalesce(tostring(customDimensions['name']), name)" in query
        assert "where path endswith '/score'" in query
        assert "where name" not in query


@pytest.mark.parametrize("component", [None, ""])
def test_a_workspace_without_application_insights_says_so(component: str | None) -> None:
    with pytest.raises(NotFound, match="workspace 'ml' has no Application Insights"):
        request_summary(Insights(applicationInsights=component).azure, "bank", enabled=True, since_seconds=None)


def test_a_sample_of_inputs() -> None:
    messages = [
        'airflow-azureml-input bank {"age":41,"job":"nurse"}',
        'airflow-azureml-input bank {"age":39,"job":"a very long tex',
        "airflow-azureml-input bank 3",
    ]
    insights = Insights(table(*({"message": message} for message in messages)), table({"rows": 7, "unseen": 0}))
    sample = input_sample(insights.azure, "bank", collecting=True, since_seconds=3600, limit=50)
    assert sample.rows == ({"age": 41, "job": "nurse"},)
    assert (sample.scored, sample.collecting) == (7, True)
    query, timespan = insights.asked[0][1]["query"], insights.asked[0][1]["timespan"]
    assert "startswith 'airflow-azureml-input bank '" in query
    assert "top 50 by timestamp desc" in query
    assert timespan == "PT3600S"


@pytest.mark.parametrize("limit", [0, 10_001])
def test_a_sample_has_a_size(limit: int) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        input_sample(Insights().azure, "bank", collecting=True, since_seconds=1, limit=limit)
