"""Metrics that scripts log: every value, in its order, and none twice."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from azureml_local.azure_api.documents import Documents

pytestmark = pytest.mark.unit

RUN = "/metric/runs/a-run"


@pytest.fixture(autouse=True)
def a_run(client: TestClient) -> None:
    client.post("/history/experiments/exp")
    assert client.patch("/history/experiments/exp/runs/a-run", json={"status": "Running"}).status_code == 200


def metric(name: str, *values: Any, key: str = "") -> dict[str, Any]:
    cells = [{"metricId": f"{key}{name}{value}" if key else None, "data": {name: value}} for value in values]
    return {"name": name, "columns": {name: "Double"}, "value": cells}


def log(client: TestClient, *metrics: dict[str, Any]) -> None:
    # As the SDK does: Python's JSON, which has NaN.
    assert client.post(f"{RUN}/batch", content=json.dumps({"values": metrics})).status_code == 200


def values(client: TestClient, name: str) -> list[Any]:
    answer = client.post(f"{RUN}/full", json={"metricName": name})
    assert answer.status_code == 200, answer.text
    return [cell["data"][name] for cell in answer.json()["value"]]


def test_values_come_in_the_order_in_which_they_were_logged(client: TestClient) -> None:
    log(client, metric("loss", 3, 2), metric("size", 9))
    log(client, metric("loss", 1))
    log(client, metric("loss", 3))
    assert (values(client, "loss"), values(client, "size")) == ([3, 2, 1, 3], [9])
    listed = client.post(f"{RUN}/list").json()["value"]
    assert [found["metricKey"]["name"] for found in listed] == ["loss", "size"]


def test_a_batch_whose_answer_was_lost_counts_once(client: TestClient) -> None:
    for _ in range(2):
        log(client, metric("loss", 3, 2, key="first"))
    log(client, metric("loss", 3, 2, key="second"))
    assert values(client, "loss") == [3, 2, 3, 2]


def test_what_is_no_number_stays_so(client: TestClient) -> None:
    log(client, metric("odd", math.nan, math.inf, -math.inf, 1.5))
    first, *rest = values(client, "odd")
    assert math.isnan(first)
    assert rest == [math.inf, -math.inf, 1.5]
    shown = client.get("/mlflow/api/2.0/mlflow/runs/get", params={"run_id": "a-run"})
    assert [found["value"] for found in shown.json()["run"]["data"]["metrics"]] == [1.5]


def test_a_batch_does_not_write_again_what_was_logged_before(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    put = Documents.put

    def noted(self: Documents, kind: str, key: str, document: dict[str, Any]) -> None:
        written.append(len(str(document)))
        put(self, kind, key, document)

    monkeypatch.setattr(Documents, "put", noted)
    for step in range(100, 150):
        log(client, metric("loss", step))
    assert len(set(written)) == 1


@pytest.mark.parametrize("sent", [[1], [{"value": []}], [{"name": "a", "value": 1}], [{"name": "a", "value": [1]}]])
def test_what_is_no_metric_is_refused(client: TestClient, sent: Any) -> None:
    assert client.post(f"{RUN}/batch", json={"values": sent}).status_code == 400
    assert client.post(f"{RUN}/list").json()["value"] == []


def test_values_that_are_no_list(client: TestClient) -> None:
    assert client.post(f"{RUN}/batch", json={"values": 1}).status_code == 400
