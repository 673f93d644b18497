"""Pipelines over REST alone: what survives a restart of the server, and how refusals look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.azure_server import AzureServer
from tests.contract.conftest import LABEL, write_rows
from tests.local_server import eventually

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_workspace.records import AutoMLConfig, ComputeTarget, DatasetSource, PipelineDefinition, PublishedPipeline

pytestmark = pytest.mark.integration


class Pipelines:
    """The pipelines service over REST."""

    def __init__(self, server: AzureServer) -> None:
        self._server = server

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        variables = self._server.environment_of_sdk
        plain = variables["ARM_CLOUD_METADATA_URL"].split("/metadata")[0]
        base = Addresses(plain=plain, secure=plain).service("pipelines")
        token = TokenIssuer(self._server.token).issue("tests", base)
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, base + path, json=body, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AzureServer]:
    server = AzureServer(tmp_path / "home", state_dir=tmp_path / "sdk")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def published(server: AzureServer, tmp_path: Path) -> PublishedPipeline:
    write_rows(tmp_path / "shop.csv", 200)
    workspace = server.workspace()
    workspace.register_dataset("shop", DatasetSource(path=str(tmp_path / "shop.csv")))
    workspace.ensure_compute(ComputeTarget(name="steps"))
    automl = AutoMLConfig(
        dataset_name="shop", label_column_name=LABEL, experiment_timeout_minutes=0.25, iterations=1,
        compute_target="steps",
    )  # fmt: skip
    return workspace.publish_pipeline(
        PipelineDefinition(name="retrain", automl=automl, model_name="shop", experiment_name="retrain")
    )


def test_all_of_it_survives_a_restart(server: AzureServer, published: PublishedPipeline) -> None:
    pipelines = Pipelines(server)
    body = {"Name": "other name", "Description": "", "PipelineId": published.pipeline_id}
    endpoint = pipelines.call("POST", "/PipelineEndpoints/Create", body)
    schedule = pipelines.call(
        "POST",
        "/Schedules/Create",
        {
            "Name": "soon",
            "PipelineEndpointId": endpoint["Id"],
            "PipelineSubmissionInfo": {"ExperimentName": "soon"},
            "ScheduleType": "0",
            # Due after the restart, however long that takes.
            "Recurrence": {
                "Frequency": "Minute",
                "Interval": 1,
                "StartTime": (datetime.now(UTC) + timedelta(minutes=30)).isoformat(),
            },
        },
    )
    assert pipelines.call("GET", f"/PipelineRuns/Schedule/{schedule['Id']}") == []
    server.terminate()
    server.start()

    again = pipelines.call("GET", "/PipelineEndpoints/Name?Name=other%20name")
    assert again["PipelineVersionList"] == endpoint["PipelineVersionList"]
    assert pipelines.call("GET", f"/Schedules/{schedule['Id']}") == schedule
    pipelines.call("GET", f"/PipelineRuns/Schedule/{schedule['Id']}/Last", status=204)
    soon = schedule | {"Recurrence": {"Frequency": "Minute", "Interval": 1, "StartTime": _in_a_moment()}}
    pipelines.call("PUT", f"/Schedules/{schedule['Id']}", soon)
    runs = eventually(lambda: pipelines.call("GET", f"/PipelineRuns/Schedule/{schedule['Id']}"), seconds=90)
    assert {run["RunHistoryExperimentName"] for run in runs} == {"soon"}
    assert {run["PipelineId"] for run in runs} == {published.pipeline_id}
    assert {run["ScheduleId"] for run in runs} == {schedule["Id"]}
    pipelines.call("PUT", f"/Schedules/{schedule['Id']}", soon | {"EntityStatus": "Disabled"})


def test_both_views_of_a_name_have_one_default(server: AzureServer, published: PublishedPipeline) -> None:
    pipelines, workspace = Pipelines(server), server.workspace()
    second = workspace.publish_pipeline(
        PipelineDefinition.from_dict(published.definition.to_dict() | {"description": "second"})
    )
    endpoint = pipelines.call("GET", "/PipelineEndpoints/Name?Name=retrain")
    assert endpoint["DefaultVersion"] == "2"
    assert endpoint["Url"].rsplit("/", 1)[1] == published.pipeline_endpoint.rsplit("/", 1)[1]
    pipelines.call("PUT", f"/PipelineEndpoints/{endpoint['Id']}", endpoint | {"DefaultVersion": "1"})
    assert workspace.find_pipeline("retrain").pipeline_id == published.pipeline_id
    workspace.set_default_pipeline(second.pipeline_id)
    assert pipelines.call("GET", f"/PipelineEndpoints/Id/{endpoint['Id']}")["DefaultVersion"] == "2"
    third = workspace.publish_pipeline(
        PipelineDefinition.from_dict(published.definition.to_dict() | {"description": "third"})
    )
    listed = pipelines.call("GET", f"/PipelineEndpoints/{endpoint['Id']}/pipelines?activeOnly=true")
    assert [one["Id"] for one in listed] == [published.pipeline_id, second.pipeline_id, third.pipeline_id]
    other = workspace.publish_pipeline(PipelineDefinition.from_dict(published.definition.to_dict() | {"name": "other"}))
    endpoint = pipelines.call("GET", f"/PipelineEndpoints/Id/{endpoint['Id']}")
    assert endpoint["DefaultVersion"] == "3"
    versions = [*endpoint["PipelineVersionList"], {"Version": "4", "PipelineId": other.pipeline_id}]
    changed = endpoint | {"PipelineVersionList": versions, "DefaultVersion": "4"}
    assert pipelines.call("PUT", f"/PipelineEndpoints/{endpoint['Id']}", changed)["DefaultVersion"] == "4"
    assert workspace.find_pipeline("retrain").pipeline_id == third.pipeline_id, "of its own name"
    pipelines.call(
        "POST", "/PipelineEndpoints/Create", {"Name": "retrain", "PipelineId": third.pipeline_id}, status=409
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/Pipelines/nobody", None, 404, "nobody"),
        ("GET", "/PipelineEndpoints/Name?Name=nobody", None, 404, "nobody"),
        ("POST", "/PipelineRuns/PipelineSubmit/nobody", {"ExperimentName": "e"}, 404, "nobody"),
        ("GET", "/PipelineRuns/nobody", None, 404, "nobody"),
        ("DELETE", "/PipelineRuns/nobody/Execution", None, 404, "nobody"),
        ("GET", "/Schedules/nobody", None, 404, "nobody"),
        ("GET", "/Graphs/nobody", None, 404, "nobody"),
        ("POST", "/PipelineRuns/Submit/nobody", None, 404, "nobody"),
        ("POST", "/Pipelines/Create", {"Name": "x", "Graph": {"ModuleNodes": []}}, 400, "exactly one AutoMLStep"),
        ("POST", "/Pipelines/Create", {}, 400, "Graph"),
        ("POST", "/Pipelines/Create", {"Graph": {"ModuleNodes": [{"Id": "a"}]}}, 400, "ModuleId"),
        ("POST", "/Pipelines/Create", {"Graph": {"Edges": 1}}, 400, "Edges"),
        ("POST", "/PipelineRuns/Unsubmitted/CreationInfoWithGraph", {"Graph": []}, 400, "Graph"),
        ("POST", "/Modules", {"Name": "x"}, 400, "ModuleExecutionType"),
        ("POST", "/DataTypes", {}, 400, "Name"),
        ("POST", "/PipelineEndpoints/Create", ["x"], 400, "object"),
        ("POST", "/Schedules/Create", {"PipelineId": "nobody"}, 404, "nobody"),
        ("PUT", "/Pipelines/nobody/status", "Gone", 400, "Gone"),
    ],
)
def test_refusals_are_azures_envelope(
    azure_server: AzureServer, method: str, path: str, body: Any, status: int, words: str
) -> None:
    answered = Pipelines(azure_server).call(method, path, body, status=status)
    assert words in answered["error"]["message"]
    assert answered["Error"]["Message"] == answered["error"]["message"]


def _in_a_moment() -> str:
    return (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
