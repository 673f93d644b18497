"""Compute targets as Azure's clusters: what is said of them is what is so."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from azureml_local.azure_api.app import create_app
from azureml_local.azure_api.surface import Surface
from azureml_local.store.runs import RunStore
from azureml_workspace.records import ComputeTarget
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


def body(**scale: Any) -> dict[str, Any]:
    return {"properties": {"computeType": "AmlCompute", "properties": {"scaleSettings": scale}}}


def test_created_as_azures_clients_do(client: TestClient) -> None:
    wanted = body(minNodeCount=1, maxNodeCount=3, nodeIdleTimeBeforeScaleDown="PT1H2M3S")
    begun = datetime.now(UTC)
    made = client.put("/arm/computes/cluster", json=wanted)
    assert made.status_code == 201
    read = client.get("/rp/computes/cluster").json()
    assert made.json() == read
    assert begun <= datetime.fromisoformat(read["properties"]["createdOn"]) <= datetime.now(UTC)
    inner = read["properties"]["properties"]
    assert inner["scaleSettings"] == {"minNodeCount": 1, "maxNodeCount": 3, "nodeIdleTimeBeforeScaleDown": "PT3723S"}
    again = client.put("/arm/computes/cluster", json=body(maxNodeCount=9)).json()
    assert again == read


def test_an_operation_is_one_that_was_given_out(client: TestClient) -> None:
    address = client.put("/arm/computes/cluster", json=body()).headers["Azure-AsyncOperation"]
    operation = address.rpartition("/")[2]
    assert client.get(f"/operations/{operation}").json() == {"status": "Succeeded"}
    assert client.get("/operations/another").status_code == 404


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (None, "properties"),
        ({"properties": {}}, "computeType"),
        ({"properties": {"computeType": "AKS"}}, "only AmlCompute"),
        (body(minNodeCount="x"), "minNodeCount"),
        (body(minNodeCount=2, maxNodeCount=1), "min_nodes 2"),
        (body(nodeIdleTimeBeforeScaleDown="soon"), "PT120S"),
    ],
)
def test_what_cannot_be_is_named(client: TestClient, sent: Any, said: str) -> None:
    answer = client.put("/arm/computes/cluster", json=sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "UserError")
    assert said in answer.json()["message"]
    assert client.get("/rp/computes").json() == {"value": []}


def test_of_a_native_one_nobody_knows_when_it_was_made(client: TestClient, whole_surface: Surface) -> None:
    whole_surface.workspace.computes.ensure(ComputeTarget(name="native"))
    assert "createdOn" not in client.get("/rp/computes/native").json()["properties"]


def test_nodes_are_those_that_runs_have(
    client: TestClient, whole_surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("busy", "other"):
        whole_surface.workspace.computes.ensure(ComputeTarget(name=name, min_nodes=2, max_nodes=4))
    settings = SimpleNamespace(compute_target="busy")
    statuses = (RunStatus.RUNNING, RunStatus.PREPARING, RunStatus.RUNNING, RunStatus.QUEUED)
    active = [SimpleNamespace(status=status, settings=settings) for status in statuses]
    monkeypatch.setattr(RunStore, "active", lambda _: active)
    shown = {found["name"]: found["properties"]["properties"] for found in client.get("/rp/computes").json()["value"]}
    counts = {name: (inner["currentNodeCount"], inner["nodeStateCounts"]) for name, inner in shown.items()}
    none = dict.fromkeys((f"{state}NodeCount" for state in ("preparing", "unusable", "leaving", "preempted")), 0)
    assert counts == {
        "busy": (3, {**none, "runningNodeCount": 3, "idleNodeCount": 0}),
        "other": (2, {**none, "runningNodeCount": 0, "idleNodeCount": 2}),
    }


def test_the_workspace_is_as_old_as_its_first_start(client: TestClient, whole_surface: Surface) -> None:
    created = client.get("/arm").json()["properties"]["creationTime"]
    assert datetime.fromisoformat(created) <= datetime.now(UTC)
    later = TestClient(create_app(whole_surface), headers=client.headers)
    assert later.get("/arm").json()["properties"]["creationTime"] == created
