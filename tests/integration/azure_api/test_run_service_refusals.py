"""What run history, its metrics and artifacts refuse: in Azure's envelope, and never with a traceback."""

from __future__ import annotations

from typing import Any

import pytest
from tests.azure_server import AzureServer

from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import InvalidRequest, NotFound, WorkspaceError

pytestmark = pytest.mark.integration

RUN = "/experiments/refusals/runs/a-run"


@pytest.fixture(scope="module")
def azure(azure_server: AzureServer) -> Any:
    workspace = azure_server.azure_workspace()
    assert isinstance(workspace, AzureWorkspace)
    workspace._history.write("refusals", "a-run", {"status": "Running", "properties": {"commit": "abc"}})
    return workspace._azure


@pytest.mark.parametrize(
    ("method", "service", "path", "body", "kind"),
    [
        ("GET", "history", "/experiments/none", None, NotFound),
        ("GET", "history", "/experimentids/none", None, NotFound),
        ("POST", "history", "/experiments/a", {}, InvalidRequest),
        ("GET", "history", "/experiments/none/runs/a-run", None, NotFound),
        ("PATCH", "history", "/experiments/refusals/runs/-odd", {}, InvalidRequest),
        ("PATCH", "history", RUN, [], InvalidRequest),
        ("PATCH", "history", RUN, {"tags": ["a"]}, InvalidRequest),
        ("PATCH", "history", RUN, {"properties": {"commit": "def"}}, InvalidRequest),
        ("POST", "history", "/experiments/refusals/runs:query", {"filter": "Status likes x"}, InvalidRequest),
        ("POST", "history", "/experiments/refusals/runs:query", {"top": "many"}, InvalidRequest),
        ("PATCH", "history", "/experiments/refusals/batch/runs", {"runs": ["a-run"]}, InvalidRequest),
        ("POST", "history", "/experiments/refusals/batch/events", {"events": [1]}, InvalidRequest),
        ("POST", "metric", "/runs/none/list", {}, NotFound),
        ("POST", "metric", "/runs/a-run/full", {"metricName": "none"}, NotFound),
        ("POST", "metric", "/runs/a-run/batch", {"values": [{"value": []}]}, InvalidRequest),
        ("GET", "artifact", "/artifacts/contentinfo/ExperimentRun/dcid.a-run/outputs/none", None, NotFound),
        ("GET", "artifact", "/artifacts/contentinfo/ExperimentRun/dcid.none/outputs/none", None, NotFound),
        ("POST", "artifact", "/artifacts/batch/metadata/LocalUpload/1", {"paths": [{}]}, InvalidRequest),
        ("POST", "artifact", "/artifacts/batch/metadata/LocalUpload/1", {"paths": [{"path": "../x"}]}, InvalidRequest),
        ("GET", "mlflow", "/api/2.0/mlflow/runs/get", None, NotFound),
        ("POST", "mlflow", "/api/2.0/mlflow/runs/search", {"filter": "metrics.a > 1"}, InvalidRequest),
        ("POST", "jasmine", "/experimentids/none/run", {}, NotFound),
        ("POST", "jasmine", "/experimentids/none/cancelrun/none", {}, NotFound),
        ("GET", "environment", "/environments/none", None, NotFound),
    ],
)
def test_refusals(azure: Any, method: str, service: str, path: str, body: Any, kind: type[WorkspaceError]) -> None:
    with pytest.raises(kind):
        azure.json(method, service, path, body=body)


def test_lists_come_in_parts(azure: Any) -> None:
    path = "/experiments/refusals/runs:query"
    azure.json("PATCH", "history", "/experiments/refusals/runs/b-run", body={"status": "Running"})
    wanted = {"top": 1, "orderby": "RunId desc"}
    first = azure.json("POST", "history", path, body=wanted)
    second = azure.json("POST", "history", path, body={**wanted, "continuationToken": first["continuationToken"]})
    assert [run["runId"] for run in (*first["value"], *second["value"])] == ["b-run", "a-run"]
    assert second["continuationToken"] is None
