"""The telemetry query: exactly what the adapter asks, and nothing that only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from tests.azure_server import AzureServer

from azureml_local.azure_api.tokens import TokenIssuer
from azureml_workspace.azure_v1 import telemetry

pytestmark = pytest.mark.integration

NOTHING = [
    (telemetry._TOTALS, [{"seen": 0, "failed": 0} | dict.fromkeys(("mean_ms", "p50_ms", "p95_ms", "p99_ms"))]),
    (telemetry._BY_STATUS, []),
    (telemetry._ROWS, [{"rows": 0, "unseen": 0}]),
    (telemetry._INPUTS, []),
]


def ask(server: AzureServer, query: str, **body: Any) -> requests.Response:
    variables = server.environment_of_sdk
    base = requests.get(variables["ARM_CLOUD_METADATA_URL"], timeout=30).json()[0]["resourceManager"]
    group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/local"
    return requests.post(
        f"{base}{group}/providers/Microsoft.Insights/components/local/query?api-version=2018-04-20",
        json={"query": query, **body},
        headers={"Authorization": f"Bearer {TokenIssuer(server.token).issue('tests', base)}"},
        verify=variables["REQUESTS_CA_BUNDLE"],
        timeout=30,
    )


@pytest.mark.parametrize(("query", "rows"), NOTHING)
def test_a_service_that_nobody_asked_has_no_requests(
    azure_server: AzureServer, query: str, rows: list[dict[str, Any]]
) -> None:
    answer = ask(azure_server, query.format(name="nobody", limit=5), timespan="PT300S")
    assert answer.status_code == 200, answer.text
    (table,) = answer.json()["tables"]
    columns = [column["name"] for column in table["columns"]]
    assert [dict(zip(columns, row, strict=True)) for row in table["rows"]] == rows


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("requests", {}),
        (telemetry._BY_STATUS.format(name="a' or '1' == '1"), {}),
        (telemetry._TOTALS.format(name="bank") + " | take 1", {}),
        (telemetry._TOTALS.format(name="bank"), {"timespan": "P1D"}),
    ],
)
def test_other_queries_are_refused(azure_server: AzureServer, query: str, body: dict[str, Any]) -> None:
    answer = ask(azure_server, query, **body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "UserError"
