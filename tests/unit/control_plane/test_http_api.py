"""The HTTP surface: what gets in, how errors leave, what is logged. Jobs and services are not started here."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from azureml_local.paths import Home
from azureml_local.server.app import create_app
from azureml_local.server.streaming import file_as_it_is_now
from azureml_local.server.workspace import LocalWorkspace
from azureml_workspace.errors import ServiceUnavailable, StorageFull, Throttled
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

TOKEN = "the-token-of-this-test"
SETTINGS = {"experiment_name": "exp", "dataset_name": "people", "dataset_version": 1, "label_column_name": "y"}


@pytest.fixture
def client(workspace: LocalWorkspace) -> Iterator[TestClient]:
    app = create_app(workspace, TOKEN, lambda: None)
    with TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


def error(response: Any) -> tuple[int, str, str]:
    envelope = response.json()["error"]
    assert set(envelope) == {"code", "message"}
    return response.status_code, envelope["code"], envelope["message"]


def labelled(rows: int = 60) -> bytes:
    return b"x,y\n" + b"".join(f"{row},{'yes' if row % 3 else 'no'}\n".encode() for row in range(rows))


def register(client: TestClient, name: str = "people", content: bytes | None = None, **query: str) -> Any:
    return client.post(f"/v1/datasets/{name}/versions", content=content or labelled(), params=query)


# Who gets in


def test_health_needs_no_token(client: TestClient) -> None:
    response = client.get("/health", headers={"Authorization": ""})
    assert (response.status_code, response.json()["status"]) == (200, "ok")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_everything_else_does(client: TestClient, header: str) -> None:
    for path in ("/v1/workspace", "/v1/runs/x/cancel", "/openapi.json", "/nowhere", "/health/"):
        response = client.get(path, headers=[(b"authorization", header.encode("latin-1"))])
        status, code, message = error(response)
        assert (status, code) == (401, "Unauthorized"), path
        assert "token" in message
        assert TOKEN not in response.text
        assert response.headers["www-authenticate"] == "Bearer"


def test_the_document_describes_every_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "/v1/services/{name}/keys/regenerate" in document["paths"]
    upload = document["paths"]["/v1/datasets/{name}/versions"]["post"]
    assert "application/octet-stream" in upload["requestBody"]["content"]
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


# How errors leave


def test_a_request_id_is_echoed_or_made(client: TestClient) -> None:
    assert client.get("/health", headers={"x-ms-request-id": "abc-1"}).headers["x-ms-request-id"] == "abc-1"
    made = client.get("/v1/runs/none", headers={"x-ms-request-id": "evil\tid"})
    assert made.headers["x-ms-request-id"].isalnum()


def test_unknown_routes_and_methods(client: TestClient) -> None:
    assert error(client.get("/v1/nowhere"))[:2] == (404, "NotFound")
    response = client.patch("/v1/runs")
    assert error(response)[:2] == (405, "InvalidRequest")
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "not JSON"),
        (b"", "the body is missing"),
        (b'{"submission_key": "k"}', "settings is missing"),
        (json.dumps({"settings": {**SETTINGS, "iterations": "many"}, "submission_key": "k"}), "settings.iterations"),
        (json.dumps({"settings": {}, "submission_key": "k"}), "settings.experiment_name is missing"),
        (json.dumps({"settings": SETTINGS}), "submission_key is missing"),
        (b"[1]", "the body"),
    ],
)
def test_a_malformed_body_is_told_by_its_field(client: TestClient, body: Any, word: str) -> None:
    response = client.post("/v1/automl-runs", content=body, headers={"content-type": "application/json"})
    status, code, message = error(response)
    assert (status, code) == (400, "InvalidRequest")
    assert word in message


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (StorageFull("full"), 507, "StorageFull"),
        (ServiceUnavailable("away"), 503, "ServiceUnavailable"),
        (Throttled("slow", 2.5), 429, "Throttled"),
    ],
)
def test_each_class_has_its_status(
    client: TestClient, workspace: LocalWorkspace, monkeypatch: pytest.MonkeyPatch, raised: Any, status: int, code: str
) -> None:
    def fail(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(workspace.runs, "get", fail)
    response = client.get("/v1/runs/x")
    assert error(response) == (status, code, str(raised))
    if status == 429:
        assert response.headers["retry-after"] == "3"


def test_a_fault_of_ours_shows_an_id_and_the_log_the_reason(
    client: TestClient, workspace: LocalWorkspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("what went wrong")

    monkeypatch.setattr(workspace.runs, "get", fail)
    response = client.get("/v1/runs/x", headers={"x-ms-request-id": "id-7"})
    status, code, message = error(response)
    assert (status, code) == (500, "ServiceUnavailable")
    assert "id-7" in message
    assert "what went wrong" not in response.text
    assert "Traceback" not in response.text
    assert "what went wrong" in caplog.text
    assert "id-7" in caplog.text


def test_the_log_holds_no_secret(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    register(client, tags='{"password": "hunter2"}')
    client.get("/v1/workspace", headers={"Authorization": "Bearer guess-of-a-token"})
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("azureml_local"))
    assert "POST /v1/datasets/people/versions 200" in ours
    for secret in (TOKEN, "hunter2", "guess-of-a-token"):
        assert secret not in ours


# Datasets


def test_a_dataset_from_upload_to_rows(client: TestClient) -> None:
    made = register(client, tags='{"a": "b"}').json()
    assert (made["version"], made["created"], made["tags"]) == (1, True, {"a": "b"})
    assert register(client).json()["created"] is False
    assert client.get("/v1/datasets/people", params={"version": 1}).json()["rows"] == 60
    assert client.get("/v1/datasets").json()[0]["name"] == "people"
    assert client.get("/v1/datasets/people/versions/1/rows?count=2").json() == [
        {"x": 0, "y": "no"},
        {"x": 1, "y": "yes"},
    ]
    assert client.get("/v1/datasets/people/versions/1/profile").json()["rows"] == 60


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"separator": ""}, "separator"),
        ({"separator": '"'}, "separator"),
        ({"separator": "€"}, "separator"),
        ({"encoding": "x"}, "encoding"),
        ({"tags": "[]"}, "tags"),
        ({"tags": "{"}, "tags"),
    ],
)
def test_bad_registrations(client: TestClient, home: Home, query: dict[str, str], word: str) -> None:
    status, code, message = error(client.post("/v1/datasets/people/versions", content=labelled(), params=query))
    assert (status, code) == (400, "InvalidRequest")
    assert word in message
    assert list(home.datasets.iterdir()) == []


def test_an_empty_body_is_refused(client: TestClient, home: Home) -> None:
    response = client.post("/v1/datasets/people/versions", content=b"")
    assert error(response)[:2] == (400, "InvalidRequest")
    assert list(home.datasets.iterdir()) == []


# Runs


def ready(client: TestClient) -> None:
    register(client)
    assert client.put("/v1/computes/cpu-cluster", json={"name": "cpu-cluster"}).status_code == 200


def submit(client: TestClient, key: str = "k", **changes: Any) -> Any:
    return client.post("/v1/automl-runs", json={"settings": {**SETTINGS, **changes}, "submission_key": key})


def test_a_run_is_submitted_found_again_and_cancelled(client: TestClient) -> None:
    ready(client)
    run = submit(client).json()
    assert submit(client, label_column_name="gone").json()["run_id"] == run["run_id"]
    path = f"/v1/runs/{run['run_id']}"
    assert client.get(path).json()["status"] == "NotStarted"
    assert error(client.get(f"{path}/result"))[:2] == (409, "Conflict")
    assert client.get(f"{path}/progress").json()["trials_done"] == 0
    assert client.get(f"{path}/children").json() == []
    assert client.get(f"{path}/log").text == ""
    assert client.get(f"{path}/files").json() == []
    assert client.post(f"{path}/cancel").json()["status"] == "Canceled"
    assert error(client.get(f"{path}/result"))[:2] == (409, "RunFailed")
    assert [found["run_id"] for found in client.get("/v1/runs?experiment=exp").json()] == [run["run_id"]]
    assert client.get("/v1/runs?experiment=other").json() == []


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"dataset_name": "gone"}, 404, "'gone'"),
        ({"dataset_version": 7}, 404, "version 7"),
        ({"compute_target": "gpu"}, 404, "'gpu'"),
        ({"label_column_name": "gone"}, 400, "'gone'"),
        ({"label_column_name": "x", "primary_metric": "luck"}, 400, "luck"),
        ({"experiment_timeout_minutes": 0}, 400, "experiment_timeout_minutes"),
        ({"allowed_models": ["Oracle"]}, 400, "Oracle"),
    ],
)
def test_runs_that_cannot_work_are_refused_at_once(
    client: TestClient, changes: dict[str, Any], status: int, word: str
) -> None:
    ready(client)
    response = submit(client, **changes)
    assert error(response)[0] == status
    assert word in error(response)[2]
    assert client.get("/v1/runs").json() == []


def test_only_outputs_and_logs_of_a_run_are_files(client: TestClient, workspace: LocalWorkspace, home: Home) -> None:
    ready(client)
    run_id = submit(client).json()["run_id"]
    folder = home.run(run_id)
    (folder / "outputs" / "deep").mkdir(parents=True)
    (folder / "logs").mkdir()
    (folder / "outputs" / "deep" / "a b.json").write_text("{}")
    (folder / "logs" / "job.log").write_text("one\ntwo\n")
    (folder / "job.json").write_text("private")
    (folder / "outputs" / "link").symlink_to(home.root / "metadata.db")
    path = f"/v1/runs/{run_id}"
    assert client.get(f"{path}/files/outputs/deep/a%20b.json").content == b"{}"
    assert client.get(f"{path}/log?tail=1").text == "two"
    assert client.get(f"{path}/log").text == "one\ntwo\n"
    for outside in (
        "job.json",
        "outputs/link",
        "outputs/..%2Fjob.json",
        "..%2F..%2Ftoken",
        "%2Fetc%2Fpasswd",
        "outputs",
    ):
        assert error(client.get(f"{path}/files/{outside}"))[:2] == (404, "NotFound")
    assert error(client.get("/v1/runs/..%2F/files/token"))[0] == 404
    assert "logs/job.log" in client.get(f"{path}/files").json()


@pytest.mark.parametrize("name", ["a%00b", "a" * 300, "%00"])
def test_a_name_that_no_file_can_have_is_not_found(client: TestClient, name: str) -> None:
    ready(client)
    path = f"/v1/runs/{submit(client).json()['run_id']}/files/outputs/{name}"
    assert error(client.get(path))[:2] == (404, "NotFound")


def test_a_log_that_grows_while_it_is_sent_is_sent_as_it_was(home: Home) -> None:
    path = home.root / "job.log"
    path.write_bytes(b"x" * 1_000_000)
    response = file_as_it_is_now(path, "text/plain")
    with path.open("ab") as log:
        log.write(b"more")

    async def body() -> list[bytes]:
        return [bytes(chunk) async for chunk in response.body_iterator]  # type: ignore[arg-type]

    chunks = asyncio.run(body())
    assert b"".join(chunks) == b"x" * 1_000_000
    assert len(chunks) > 1, "the whole log was in memory at once"
    assert response.headers["content-length"] == "1000000"


# Numbers that no column, calendar or machine can hold


@pytest.mark.parametrize(
    "path",
    [
        *(f"/v1/datasets/people?version={number}" for number in (10**20, 0, -1, "1e3", "9" * 5000)),
        f"/v1/datasets/people/versions/{10**20}/rows",
        f"/v1/datasets/people/versions/{10**20}/profile",
        *(f"/v1/datasets/people/versions/1/rows?count={number}" for number in (10**20, -1)),
        f"/v1/models/bank?version={10**20}",
        *(f"/v1/services/svc/requests?since_seconds={number}" for number in ("inf", "1e300", "nan", "-1")),
        *(f"/v1/services/svc/logs?tail={number}" for number in (10**20, 0)),
        f"/v1/runs/r/log?tail={10**20}",
    ],
)
def test_numbers_out_of_bounds_are_the_callers_mistake(client: TestClient, path: str) -> None:
    register(client)
    assert error(client.get(path))[:2] == (400, "InvalidRequest")


@pytest.mark.parametrize("field", ["max_nodes", "min_nodes", "idle_seconds"])
def test_compute_targets_out_of_bounds(client: TestClient, field: str) -> None:
    for number in (10**20, -1):
        response = client.put("/v1/computes/cpu-cluster", json={"name": "cpu-cluster", field: number})
        assert error(response)[:2] == (400, "InvalidRequest")
        assert field in error(response)[2]


@pytest.mark.parametrize("field", ["dataset_version", "iterations", "max_concurrent_iterations", "seed"])
def test_settings_out_of_bounds(client: TestClient, field: str) -> None:
    ready(client)
    for number in (10**20, -1):
        changes: dict[str, Any] = {field: number}
        response = submit(client, **changes)
        assert error(response)[:2] == (400, "InvalidRequest")
        assert field in error(response)[2]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_an_exit_score_that_is_no_number(client: TestClient, number: str) -> None:
    ready(client)
    settings = json.dumps({**SETTINGS, "experiment_exit_score": "HERE"}).replace('"HERE"', number)
    body = f'{{"settings": {settings}, "submission_key": "k"}}'
    response = client.post("/v1/automl-runs", content=body, headers={"content-type": "application/json"})
    assert error(response)[:2] == (400, "InvalidRequest")
    assert "experiment_exit_score" in error(response)[2]


def test_a_model_version_out_of_bounds(client: TestClient) -> None:
    for number in (10**20, 0):
        body = {"service_name": "svc", "model_name": "bank", "model_version": number}
        assert error(client.put("/v1/services/svc", json=body))[:2] == (400, "InvalidRequest")


# Models and services


def test_models_of_runs_that_are_not_there_yet(client: TestClient) -> None:
    ready(client)
    body = {"run_id": submit(client).json()["run_id"]}
    assert error(client.post("/v1/models/bank/versions", json=body))[:2] == (409, "RunFailed")
    assert error(client.post("/v1/models/bank/versions", json={"run_id": "x"}))[:2] == (404, "NotFound")
    assert error(client.get("/v1/models/bank"))[:2] == (404, "NotFound")
    assert client.get("/v1/models").json() == []


def test_services_that_are_not_there(client: TestClient) -> None:
    for method, path, body in [
        ("GET", "", None),
        ("PUT", "/insights", {"enabled": True}),
        ("GET", "/logs", None),
        ("GET", "/requests", None),
        ("POST", "/keys", None),
        ("POST", "/keys/regenerate", {}),
    ]:
        response = client.request(method, f"/v1/services/none{path}", json=body)
        assert error(response)[:2] == (404, "NotFound"), path
    assert client.delete("/v1/services/none").json() is None
    assert client.get("/v1/services").json() == []


def test_deployments_that_cannot_be(client: TestClient) -> None:
    body = {"service_name": "svc", "model_name": "bank", "model_version": 1}
    assert error(client.put("/v1/services/svc", json=body))[:2] == (404, "NotFound")
    assert "two" in error(client.put("/v1/services/two", json={**body}))[2]
    bad = {**body, "service_name": "Bad_Name"}
    status, code, message = error(client.put("/v1/services/Bad_Name", json=bad))
    assert (status, code) == (400, "InvalidRequest")
    assert "lowercase" in message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "0", "-1"])
def test_sizes_that_are_no_sizes(client: TestClient, number: str) -> None:
    body = f'{{"service_name": "svc", "model_name": "bank", "model_version": 1, "cpu_cores": {number}}}'
    response = client.put("/v1/services/svc", content=body, headers={"content-type": "application/json"})
    assert error(response)[:2] == (400, "InvalidRequest")
    assert "cpu_cores" in error(response)[2]


def test_a_completed_run_whose_result_is_gone_says_so(client: TestClient, workspace: LocalWorkspace) -> None:
    ready(client)
    run_id = submit(client).json()["run_id"]
    workspace.runs.finish(run_id, RunStatus.COMPLETED, "")
    status, code, message = error(client.get(f"/v1/runs/{run_id}/result"))
    assert (status, code) == (409, "RunFailed")
    assert "gone or damaged" in message
