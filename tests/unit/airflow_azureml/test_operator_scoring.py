"""Smoke-score and benchmark; the endpoint client itself is tested elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.unit.airflow_azureml.conftest import KEY, FakeWorkspace, TaskContext

from airflow_azureml._waiting import TaskStopped
from airflow_azureml.operators.benchmark_endpoint import AzureMLBenchmarkEndpointOperator
from airflow_azureml.operators.smoke_score import AzureMLSmokeScoreOperator
from azureml_endpoint.load import HistogramBucket, LoadError, LoadReport
from azureml_endpoint.smoke import Check, SmokeReport
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit

ROWS = [{"age": 1, "duration": 2}]


class Endpoint:
    """Stands for the endpoint client; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.smoke = SmokeReport(
            labels=("no",),
            latency_ms=2.0,
            checks=(Check(name="score", passed=True, detail="200"),),
            scored=2,
            passed=True,
            unavailable=False,
        )
        self.load = LoadReport(
            scoring_uri="u",
            requests=1000,
            asked=1000,
            failed=0,
            concurrency=4,
            keep_alive=True,
            mean_ms=1.0,
            min_ms=0.5,
            p50_ms=0.9,
            p95_ms=2.0,
            p99_ms=3.0,
            max_ms=9.0,
            stdev_ms=0.1,
            requests_per_second=4000.0,
            seconds=0.25,
            bytes=1,
            request_bytes=1,
            connections=4,
            warmup_requests=20,
            warmup_failed=0,
            operation_id="0" * 32,
            histogram=tuple(HistogramBucket(upper_ms=float(n), count=n) for n in range(42)),
        )

    def smoke_check(self, uri: str, key: str | None, rows: Any, **options: Any) -> SmokeReport:
        self.asked = {"uri": uri, "key": key, "rows": rows} | options
        return self.smoke

    def run_load(self, uri: str, key: str | None, body: bytes, **options: Any) -> LoadReport:
        self.asked = {"uri": uri, "key": key, "body": json.loads(body)} | options
        return self.load


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, workspace: FakeWorkspace) -> Endpoint:
    fake = Endpoint()
    workspace.states = [ServiceState.HEALTHY]
    monkeypatch.setattr("azureml_endpoint.smoke.smoke_check", fake.smoke_check)
    monkeypatch.setattr("azureml_endpoint.load.run_load", fake.run_load)
    return fake


def smoke(**given: Any) -> AzureMLSmokeScoreOperator:
    return AzureMLSmokeScoreOperator(task_id="smoke_score", **({"service": {"name": "svc-a"}, "rows": ROWS} | given))


def benchmark(**given: Any) -> AzureMLBenchmarkEndpointOperator:
    return AzureMLBenchmarkEndpointOperator(
        task_id="benchmark", **({"service": {"name": "svc-a"}, "rows": ROWS} | given)
    )


def test_smoke_result(endpoint: Endpoint, context: TaskContext) -> None:
    assert smoke().execute(context) == {  # type: ignore[arg-type]
        "name": "svc-a",
        "labels": ["no"],
        "labels_count": 1,
        "latency_ms": 2.0,
        "checks": [{"name": "score", "passed": True, "detail": "200"}],
    }
    assert endpoint.asked["key"] == KEY
    assert endpoint.asked["rows"] == ROWS


def test_smoke_rows_of_a_dataset_without_the_label(
    endpoint: Endpoint, workspace: FakeWorkspace, context: TaskContext
) -> None:
    smoke(rows=None, dataset={"name": "bank", "version": 2}, label_column_name="y").execute(context)  # type: ignore[arg-type]
    assert endpoint.asked["rows"] == [{"age": 3, "duration": 4}]
    workspace.rows = [{"age": 1, "duration": 2, "y": None}]
    with pytest.raises(NotFound, match="has no row with a 'y'"):
        smoke(rows=None, dataset="bank", label_column_name="y").execute(context)  # type: ignore[arg-type]


def test_smoke_without_authentication_asks_for_no_key(
    endpoint: Endpoint, workspace: FakeWorkspace, context: TaskContext
) -> None:
    workspace.service = replace(workspace.service, auth_enabled=False)
    smoke().execute(context)  # type: ignore[arg-type]
    assert endpoint.asked["key"] is None
    assert endpoint.asked["auth_enabled"] is False
    assert "service_keys" not in workspace.names()


def test_smoke_telemetry_is_waited_for(
    endpoint: Endpoint, workspace: FakeWorkspace, context: TaskContext, clock: list[float]
) -> None:
    workspace.service = replace(workspace.service, app_insights_enabled=True)
    workspace.telemetry = [0, 1, 5]
    checks = smoke().execute(context)["checks"]  # type: ignore[arg-type]
    assert checks[-1] == {
        "name": "telemetry",
        "passed": True,
        "detail": "5 requests recorded since the test began, whoever sent them; it had 2 scored",
    }
    workspace.telemetry = [1]
    with pytest.raises(AirflowFailException, match="telemetry has fewer than the 2 requests it had scored"):
        smoke().execute(context)  # type: ignore[arg-type]


LOCAL: dict[str, Any] = {"conn_type": "azureml"}
AZURE = {
    "conn_type": "azureml",
    "extra": {
        "backend": "azure_v1",
        "sign_in": "azure_cli",
        "subscription_id": "s",
        "resource_group": "g",
        "workspace_name": "w",
    },
}


@pytest.mark.parametrize(
    ("connection", "given", "seconds"), [(LOCAL, None, 30), (AZURE, None, 600), (AZURE, "", 600), (AZURE, "45", 45)]
)
def test_smoke_waits_for_telemetry_as_long_as_the_backend_needs(
    endpoint: Endpoint,
    workspace: FakeWorkspace,
    context: TaskContext,
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
    connection: dict[str, Any],
    given: str | None,
    seconds: float,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(connection))
    workspace.service = replace(workspace.service, app_insights_enabled=True)
    workspace.telemetry = [0]
    with pytest.raises(AirflowFailException, match=f"{seconds:g} s after the test, telemetry has fewer"):
        smoke(telemetry_timeout=given).execute(context)  # type: ignore[arg-type]
    assert clock[0] == pytest.approx(seconds)


def test_smoke_asks_application_insights_no_more_than_every_ten_seconds(
    endpoint: Endpoint,
    workspace: FakeWorkspace,
    context: TaskContext,
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(AZURE))
    workspace.service = replace(workspace.service, app_insights_enabled=True)
    workspace.telemetry = [0, 0, 0, 2]
    assert smoke().execute(context)["checks"][-1]["passed"] is True  # type: ignore[arg-type]
    assert clock[0] >= 3 * 10


@pytest.mark.parametrize("label", ["no", 1, "a label of many words " * 40])
def test_ten_thousand_labels_stay_out_of_xcom(endpoint: Endpoint, context: TaskContext, label: Any) -> None:
    endpoint.smoke = replace(endpoint.smoke, labels=(label,) * 10_000)
    result = smoke(rows=ROWS * 10_000).execute(context)  # type: ignore[arg-type]
    assert 1 <= len(result["labels"]) <= 50
    assert result["labels_count"] == 10_000
    assert len(json.dumps(result)) < 8192


def test_smoke_latency(endpoint: Endpoint, context: TaskContext) -> None:
    smoke(max_latency_ms="2").execute(context)  # type: ignore[arg-type]
    with pytest.raises(AirflowFailException, match=r"latency: answered in 2\.0 ms, at most 1 ms"):
        smoke(max_latency_ms=1).execute(context)  # type: ignore[arg-type]


def test_smoke_failure_names_the_checks(endpoint: Endpoint, context: TaskContext) -> None:
    failed = Check(name="known_labels", passed=False, detail="labels [9] are not among [0, 1]")
    endpoint.smoke = replace(endpoint.smoke, checks=(*endpoint.smoke.checks, failed), passed=False)
    with pytest.raises(AirflowFailException, match=r"failed 1 of 2 checks: known_labels: labels \[9\]"):
        smoke().execute(context)  # type: ignore[arg-type]
    endpoint.smoke = replace(endpoint.smoke, unavailable=True)
    with pytest.raises(ServiceUnavailable):
        smoke().execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rows": "[1, 2]"}, "give a list of rows"),
        ({"rows": "[{"}, "not JSON"),
        ({"dataset": "bank", "label_column_name": "y"}, "rows and dataset are both given"),
        ({"rows": None, "dataset": "bank"}, "without label_column_name"),
        ({"row_count": 0}, "row_count is 0; give 1 to 10000 rows"),
        ({"expected_labels": "no"}, "expected_labels is 'no'; give a list of labels"),
        ({"timeout": "long"}, "timeout is 'long'"),
    ],
)
def test_bad_smoke(endpoint: Endpoint, workspace: FakeWorkspace, context: TaskContext, given: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        smoke(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []


def test_benchmark_result(endpoint: Endpoint, context: TaskContext) -> None:
    result = benchmark(requests="1000", concurrency="4", max_p99_ms="5", min_requests_per_second=100).execute(context)  # type: ignore[arg-type]
    assert (result["requests"], result["failed"], result["concurrency"]) == (1000, 0, 4)
    assert (result["mean_ms"], result["p50_ms"], result["p95_ms"], result["p99_ms"]) == (1.0, 0.9, 2.0, 3.0)
    assert [(t["name"], t["passed"]) for t in result["thresholds"]] == [
        ("p99_ms", True),
        ("error_rate", True),
        ("min_requests_per_second", True),
    ]
    assert result["histogram"][3] == [3.0, 3]
    assert len(json.dumps(result)) < 8192
    assert endpoint.asked["body"] == {"data": ROWS}
    assert (endpoint.asked["requests"], endpoint.asked["concurrency"]) == (1000, 4)


def test_no_more_connections_than_requests(endpoint: Endpoint, context: TaskContext) -> None:
    benchmark(requests="2", concurrency="4").execute(context)  # type: ignore[arg-type]
    assert (endpoint.asked["requests"], endpoint.asked["concurrency"]) == (2, 2)


def test_benchmark_broken_thresholds(endpoint: Endpoint, context: TaskContext) -> None:
    endpoint.load = replace(endpoint.load, failed=3, errors=(LoadError(message="HTTP 500: oh", count=3),))
    with pytest.raises(AirflowFailException) as caught:
        benchmark(max_p95_ms=1).execute(context)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "broke 2 of 2 thresholds" in message
    assert "p95_ms is 2" in message
    assert "error_rate is 0.003" in message
    assert "HTTP 500: oh (3 times)" in message


def test_benchmark_that_ended_early_is_left_to_retries(endpoint: Endpoint, context: TaskContext) -> None:
    endpoint.load = replace(endpoint.load, requests=120, failed=100, stopped="the service is gone")
    with pytest.raises(ServiceUnavailable, match="ended after 120 of 1000 requests: the service is gone"):
        benchmark().execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"requests": 0}, "requests is 0; it must be at least 1"),
        ({"requests": "many"}, "requests is 'many'"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"requests": 199, "max_p95_ms": 5}, "a 95th percentile means something from 200 requests on"),
        ({"requests": 999, "max_p99_ms": 5}, "a 99th percentile means something from 1000 requests on"),
        ({"max_error_rate": 2}, "max_error_rate is 2; give a share between 0 and 1"),
        ({"max_p50_ms": -1}, "max_p50_ms is -1"),
        ({"keep_alive": "sometimes"}, "keep_alive is 'sometimes'"),
    ],
)
def test_bad_benchmark(
    endpoint: Endpoint, workspace: FakeWorkspace, context: TaskContext, given: Any, words: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        benchmark(**given).execute(context)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert workspace.names() == []


def test_killed_benchmark_stops(endpoint: Endpoint, context: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    task = benchmark()
    task.on_kill()

    def killed_meanwhile(*_args: Any, **_options: Any) -> LoadReport:
        task.on_kill()
        raise AssertionError("on_kill must have raised")

    monkeypatch.setattr("azureml_endpoint.load.run_load", killed_meanwhile)
    with pytest.raises(TaskStopped):
        task.execute(context)  # type: ignore[arg-type]
    task.on_kill()


def test_the_key_is_masked_and_in_no_result(
    endpoint: Endpoint, context: TaskContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_azureml.hook.mask_secret", masked.append)
    results = [smoke().execute(context), benchmark().execute(context)]  # type: ignore[arg-type]
    assert KEY in masked
    shown = json.dumps(results) + json.dumps(context.xcom) + capsys.readouterr().out
    assert KEY not in shown
