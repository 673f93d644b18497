"""What every body is held to: a size, and text that can be written down again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from tests.unit.control_plane.pipeline_http import error, path_of
from tests.unit.control_plane.pipeline_parts import definition

from azureml_local.server.bodies import LONGEST_BODY, BodyCheck

pytestmark = pytest.mark.unit

HALF = "x\ud800"
SETTINGS = {"experiment_name": "exp", "dataset_name": "people", "dataset_version": 1, "label_column_name": "y"}
SERVICE = {"service_name": "kiosk", "model_name": "m", "model_version": 1}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/pipelines", {**definition().to_dict(), "description": HALF}),
        ("POST", "/v1/pipelines", {**definition().to_dict(), "model_tags": {HALF: "1"}}),
        ("POST", "/v1/models/m/versions", {"run_id": "r", "tags": {"a": HALF}}),
        ("PUT", "/v1/services/kiosk", {**SERVICE, "tags": {"a": HALF}}),
        ("POST", "/v1/automl-runs", {"settings": {**SETTINGS, "exclude_columns": [HALF]}, "submission_key": "k"}),
        ("POST", "/v1/automl-runs", {"settings": SETTINGS, "submission_key": HALF}),
        ("PUT", "/v1/computes/c1", {"name": "c1", "vm_size": HALF}),
        ("POST", "endpoint", {"Description": HALF}),
        ("POST", "endpoint", {"tags": {"a": [HALF]}}),
        ("POST", "pipeline_endpoint", {"Properties": {HALF: "1"}}),
    ],
)
@pytest.mark.parametrize("spelled", ["escaped", "raw"])
def test_text_that_is_no_unicode_is_refused_and_poisons_nothing(
    client: TestClient, published: dict[str, Any], method: str, path: str, body: Any, spelled: str
) -> None:
    content = json.dumps(body).encode()
    if spelled == "raw":
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    url = path if path.startswith("/") else path_of(published[path])
    response = client.request(method, url, content=content, headers={"Content-Type": "application/json"})
    status, code, message = error(response)
    assert (status, code) == (400, "InvalidRequest")
    assert "holds text that is no Unicode: 'x\\ud800' has half of a surrogate pair" in message
    for listed in ("/v1/pipelines", "/v1/runs", "/v1/models", "/v1/services", "/v1/computes"):
        assert client.get(listed).status_code == 200


def test_tags_of_a_dataset_too(client: TestClient) -> None:
    response = client.post("/v1/datasets/d/versions?tags=" + '{"a":"\\ud800"}', content=b"x,y\n1,2\n")
    assert error(response)[:2] == (400, "InvalidRequest")


def test_whole_pairs_and_other_scripts_are_text(client: TestClient) -> None:
    body = json.dumps({**definition().to_dict(), "description": "\U0001f600 é 漢"})
    assert client.post("/v1/pipelines", content=body).json()["definition"]["description"] == "\U0001f600 é 漢"


@pytest.mark.parametrize("path", ["/v1/pipelines", "/v1/automl-runs", "/v1/models/m/versions", "/v1/runs/r/cancel"])
def test_a_body_that_is_too_long_is_refused(client: TestClient, path: str) -> None:
    status, code, message = error(client.post(path, content=b" " * (LONGEST_BODY + 1)))
    assert (status, code) == (400, "InvalidRequest")
    assert message.startswith("the body is longer than 1,048,576 bytes")


def test_data_may_be_longer(client: TestClient) -> None:
    rows = b"x,y\n" + b"".join(b"%d,%s\n" % (row, b"a" * 200) for row in range(LONGEST_BODY // 200))
    assert client.post("/v1/datasets/long/versions", content=rows).status_code == 200


def test_a_client_that_goes_away_is_no_short_body() -> None:
    said: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return said.pop(0)

    async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a route saw half a body")

    async def send(message: Message) -> None:
        raise AssertionError(message)

    with pytest.raises(ClientDisconnect):
        asyncio.run(BodyCheck(unreachable)({"type": "http", "path": "/v1/pipelines"}, receive, send))


def test_a_slash_too_many_leads_nowhere(client: TestClient, published: dict[str, Any]) -> None:
    response = client.post(
        path_of(published["endpoint"]) + "/", json={}, headers={"Host": "evil.example"}, follow_redirects=False
    )
    assert error(response)[:2] == (404, "NotFound")
    assert "location" not in response.headers
