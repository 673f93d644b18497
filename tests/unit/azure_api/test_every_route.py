"""What holds for all routes of the surface, whatever they do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from azureml_local.azure_api.app import create_app
from azureml_local.azure_api.authorization import is_blob, is_open
from azureml_local.azure_api.surface import Surface

pytestmark = pytest.mark.unit

FIELDS = (
    *("name", "Name", "properties", "tags", "kvTags", "filter", "top", "query", "timespan", "values", "events", "runs"),
    *("paths", "latest", "dataflowJson", "datasetType", "metricName", "experiment_ids", "amlSettingsJsonString"),
    *("dataPrepJsonString", "computeType", "environmentImageRequest", "containerResourceRequirements", "keys", "id"),
    *("mimeType", "url", "FileNames", "DirTreeNode", "FileRevisionList", "ParentSnapshotId", "archive", "description"),
)
BODIES: tuple[Any, ...] = (None, [], ["x"], [{}], [{"op": 1, "path": 1}], "x", 1, {})
ODD: tuple[Any, ...] = ("x", 1, ["x"], [{"x": 1}], {"x": 1}, [{"data": ["x"], "runId": 1, "tags": 1}])


def requests_of(surface: Surface) -> Iterator[tuple[str, str]]:
    """Method and path of every route, with `x` for each part that is not fixed."""
    for route in create_app(surface).routes:
        assert isinstance(route, Route)
        for method in sorted(route.methods or ()):
            yield method, re.sub(r"\{[^}]*\}", "x", route.path)


def test_no_route_but_those_that_lead_to_a_token_lets_a_stranger_in(whole_surface: Surface) -> None:
    stranger = TestClient(create_app(whole_surface))
    expired = {"Authorization": "Bearer " + whole_surface.issuer.issue("tests", "", lifetime_seconds=-1)}
    let_in = set()
    for method, path in requests_of(whole_surface):
        for headers in ({}, {"Authorization": "Bearer x"}, expired):
            answer = stranger.request(method, path, headers=headers)
            if is_blob(path):
                assert answer.status_code in (401, 403), f"{method} {path}"
            elif not is_open(path):
                assert answer.status_code == 401, f"{method} {path}"
            else:
                let_in.add(path.split("/")[1])
    assert let_in == {"discovery", "metadata", "signin"}


def test_an_expired_token_says_so(whole_surface: Surface, client: TestClient) -> None:
    token = whole_surface.issuer.issue("tests", "", lifetime_seconds=-1)
    answer = client.get("/rp/computes", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "AuthenticationFailed")
    assert "expired" in answer.json()["message"]


def test_a_body_that_no_client_sends_is_no_fault_of_ours(whole_surface: Surface, client: TestClient) -> None:
    client.post("/history/experiments/x")  # so that more than names are looked at
    client.patch("/history/experiments/x/runs/x", json={"status": "Running"})
    bodies = [*BODIES, *({field: 1} for field in FIELDS)]
    bodies += [{**dict.fromkeys(FIELDS, value), "name": "x", "computeType": "ACI"} for value in ODD]
    failed = [
        (method, path, body)
        for method, path in requests_of(whole_surface)
        for body in bodies
        if method in {"PATCH", "POST", "PUT"} and not is_blob(path)
        if client.request(method, path, json=body).status_code == 500
    ]
    assert failed == []


def test_a_fault_of_ours_is_an_answer_that_the_sdk_can_read(
    client: TestClient, whole_surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("secret-of-the-log")

    monkeypatch.setattr(whole_surface.workspace.computes, "list_all", broken)
    answer = client.get("/rp/computes", headers={"x-ms-request-id": "r-1"})
    said = answer.json()
    assert (answer.status_code, said["code"], said["details"]) == (500, "InternalServerError", [])
    assert (said["error"]["code"], said["error"]["details"]) == ("InternalServerError", [])
    assert "r-1" in said["message"]
    assert "secret-of-the-log" not in answer.text


def test_no_answer_leads_to_the_host_that_the_request_names(client: TestClient) -> None:
    answer = client.get("/rp/computes/", headers={"Host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers
