"""Azure's shape of a submission and of a pipeline run, and how errors leave. Jobs are not started here."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from msrest import Deserializer
from tests.unit.control_plane.pipeline_http import BASE, error, path_of, submit
from tests.unit.control_plane.pipeline_parts import definition

from azureml_local.pipelines.wire import read_submission
from azureml_local.server.workspace import LocalWorkspace
from azureml_local.store.pipeline_run_records import StepStart
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


def test_a_submission_answers_azures_run_entity(client: TestClient, published: dict[str, Any]) -> None:
    assert f"/PipelineSubmit/{published['pipeline_id']}" in published["endpoint"]
    assert "/PipelineEndpointSubmit/Id/" in published["pipeline_endpoint"]
    response = submit(
        client,
        published,
        ExperimentName="by-hand",
        ParameterAssignments={"iterations": "3", "experiment_timeout_minutes": 0.5, "max_concurrent_iterations": ""},
        RunSource="a test",
        Description="why not",
        tags={"team": "kiosks"},
        Properties={"ticket": "7", "submission_key": "k"},
    )
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    entity = response.json()
    properties = entity.pop("Properties")
    created = entity.pop("CreatedDate")
    assert entity.pop("Id")
    assert entity == {
        "PipelineId": published["pipeline_id"],
        "RunHistoryExperimentName": "by-hand",
        "Description": "why not",
        "Status": {"StatusCode": "NotStarted", "StatusDetail": None, "CreationTime": created, "EndTime": None},
        "IsSubmitted": True,
        "HasErrors": False,
        "ParameterAssignments": {
            "dataset_version": "1",
            "experiment_timeout_minutes": "0.5",
            "iterations": "3",
            "max_concurrent_iterations": "2",
        },
        "RunSource": "a test",
        "RunType": "HTTP",
        "TotalRunSteps": 2,
        "tags": {"team": "kiosks"},
        "EntityStatus": "Active",
    }
    assert (properties["ticket"], properties["submission_key"]) == ("7", "k")
    assert (properties["pipeline_id"], properties["dataset"]) == (published["pipeline_id"], "people:1")


def test_the_sdk_reads_the_entity(client: TestClient, published: dict[str, Any]) -> None:
    answer = submit(client, published, ExperimentName="by-hand").json()
    models = [sdk_model("pipeline_run_entity"), sdk_model("pipeline_run_status")]
    read = Deserializer({name: kind for model in models for name, kind in vars(model).items()})(
        "PipelineRunEntity", answer
    )
    assert read.id == answer["Id"]
    assert (read.pipeline_id, read.run_history_experiment_name) == (published["pipeline_id"], "by-hand")
    assert read.status.status_code == "NotStarted"
    assert read.status.creation_time == read.created_date
    assert read.parameter_assignments["dataset_version"] == "1"


def sdk_model(name: str) -> ModuleType:
    """One of the SDK's REST models by itself: importing its package costs seconds and calls home."""
    file = next(
        file for file in distribution("azureml-pipeline-core").files or [] if file.match(f"aeva/models/{name}.py")
    )
    spec = spec_from_file_location(name, file.locate())  # type: ignore[arg-type]
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_run_is_read_in_both_shapes_under_one_id(client: TestClient, published: dict[str, Any]) -> None:
    entity = submit(client, published, to="pipeline_endpoint").json()
    assert entity["RunHistoryExperimentName"] == "retrain"
    assert client.get(f"/pipelines/v1.0/PipelineRuns/{entity['Id']}").json() == entity
    run = client.get(f"/v1/runs/{entity['Id']}").json()
    assert (run["run_id"], run["run_type"], run["status"]) == (entity["Id"], "pipeline", "NotStarted")
    assert run["submission_key"] is None
    assert [found["run_id"] for found in client.get("/v1/runs?experiment=retrain").json()] == [entity["Id"]]
    steps = client.get(f"/v1/runs/{entity['Id']}/steps").json()
    assert [(step["name"], step["status"], step["run_id"]) for step in steps] == [
        ("automl", "NotStarted", None),
        ("register_model", "NotStarted", None),
    ]
    assert client.get(f"/v1/runs/{entity['Id']}/log").text == ""
    assert client.get(f"/v1/runs/{entity['Id']}/files").json() == []
    for part in ("children", "progress", "result"):
        assert error(client.get(f"/v1/runs/{entity['Id']}/{part}"))[:2] == (400, "InvalidRequest")
    refused = client.post("/v1/models/m/versions", json={"run_id": entity["Id"]})
    assert "is a pipeline run; ask for its steps" in error(refused)[2]
    assert error(client.get(f"/v1/runs/{entity['Id']}/pipeline-result"))[:2] == (409, "Conflict")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("Running", "Running"),
        ("CancelRequested", "Running"),
        ("Completed", "Finished"),
        ("Failed", "Failed"),
        ("Canceled", "Canceled"),
    ],
)
def test_statuses_have_azures_names(
    client: TestClient, published: dict[str, Any], workspace: LocalWorkspace, status: str, code: str
) -> None:
    run_id = submit(client, published).json()["Id"]
    runs = workspace.pipelines.runs
    if status == "Running":
        start = StepStart(name="automl", run_id="AutoML_1", status=RunStatus.QUEUED, started_at=None)
        runs.start_step(run_id, start, {})
    elif status == "CancelRequested":
        runs.request_cancel(run_id)
    else:
        runs.finish(run_id, RunStatus(status), "" if status == "Completed" else "the reason")
    entity = client.get(f"/pipelines/v1.0/PipelineRuns/{run_id}").json()
    assert entity["Status"]["StatusCode"] == code
    assert entity["HasErrors"] == (status == "Failed")
    ended = status in ("Completed", "Failed", "Canceled")
    assert (entity["Status"]["EndTime"] is not None) == ended
    assert entity["Status"]["StatusDetail"] == ("the reason" if status in ("Failed", "Canceled") else None)


def test_a_body_of_any_content_type_and_any_case_of_names(client: TestClient, published: dict[str, Any]) -> None:
    body = json.dumps({"experimentName": "by-hand", "parameterassignments": {"iterations": 3.0}, "Description": None})
    response = client.post(
        path_of(published["endpoint"]), content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert response.json()["RunHistoryExperimentName"] == "by-hand"
    assert response.json()["ParameterAssignments"]["iterations"] == "3"
    assert client.post(path_of(published["endpoint"])).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ParameterAssigments": {}}, "no field 'ParameterAssigments'; did you mean ParameterAssignments?"),
        ({"Zebra": 1}, "no field 'Zebra'; there are ExperimentName, "),
        ({"ParameterAssignments": {"iteration": "3"}}, "no parameter 'iteration'; it has dataset_version, "),
        ({"ParameterAssignments": {"iterations": "x"}}, "iterations is 'x'; give a whole number"),
        ({"ParameterAssignments": {"iterations": True}}, "ParameterAssignments"),
        ({"ParameterAssignments": {"iterations": 10**18}}, "iterations is 1000000000000000000"),
        ({"ParameterAssignments": [1]}, "ParameterAssignments"),
        ({"ExperimentName": "a b"}, "experiment name 'a b'"),
        ({"ExperimentName": 7}, "ExperimentName"),
        ({"DataPathAssignments": {"path": {}}}, "DataPathAssignments names 'path'"),
        ({"Properties": {"submission_key": " "}}, "submission_key is empty"),
        ({"Properties": {"a": 1}}, "Properties"),
        ([], "not a JSON object"),
    ],
)
def test_a_mistake_in_the_body_is_named(client: TestClient, published: dict[str, Any], body: Any, words: str) -> None:
    response = client.post(path_of(published["endpoint"]), json=body)
    status, code, message = error(response)
    assert (status, code) == (400, "InvalidRequest")
    assert words in message
    assert client.get("/v1/runs").json() == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"a": 1e999}', b"x" * (1024 * 1024 + 1)])
def test_a_body_that_is_no_json_of_a_sensible_size(client: TestClient, published: dict[str, Any], body: bytes) -> None:
    status, code, message = error(client.post(path_of(published["endpoint"]), content=body))
    assert (status, code) == (400, "InvalidRequest")
    assert message.startswith("the body is ")


def test_wrong_token_disabled_and_unknown(client: TestClient, published: dict[str, Any]) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}):
        refused = client.post(path_of(published["endpoint"]), json={}, headers=headers)
        assert error(refused)[:2] == (401, "Unauthorized")
    pipeline = f"/v1/pipelines/{published['pipeline_id']}"
    assert (
        error(client.put(f"{pipeline}/status", json={"status": "Off"}))[2]
        == "status is 'Off'; give Active or Disabled."
    )
    assert client.put(f"{pipeline}/status", json={"status": "Disabled"}).json()["status"] == "Disabled"
    for to in ("endpoint", "pipeline_endpoint"):
        status, code, message = error(submit(client, published, to=to))
        assert (status, code) == (409, "Conflict")
        assert "is Disabled" in message
    assert error(client.post(f"{pipeline}/default"))[:2] == (409, "Conflict")
    for unknown in ("PipelineSubmit/nobody", "PipelineEndpointSubmit/Id/nobody"):
        assert error(client.post(f"/pipelines/v1.0/PipelineRuns/{unknown}", json={}))[:2] == (404, "NotFound")
    assert error(client.get("/pipelines/v1.0/PipelineRuns/nobody"))[:2] == (404, "NotFound")
    assert client.get("/v1/runs").json() == []


def test_a_key_finds_its_run_and_no_key_makes_another(client: TestClient, published: dict[str, Any]) -> None:
    keyed = [submit(client, published, Properties={"submission_key": "k"}).json()["Id"] for _ in range(2)]
    assert len(set(keyed)) == 1
    assert len({submit(client, published).json()["Id"] for _ in range(2)}) == 2


def test_azures_cancellation(client: TestClient, published: dict[str, Any]) -> None:
    run_id = submit(client, published).json()["Id"]
    for _ in range(2):  # safe to repeat
        response = client.delete(f"/pipelines/v1.0/PipelineRuns/{run_id}/Execution")
        assert (response.status_code, response.content) == (200, b"")
        assert client.get(f"/v1/runs/{run_id}").json()["status"] == "CancelRequested"
    assert error(client.delete("/pipelines/v1.0/PipelineRuns/nobody/Execution"))[:2] == (404, "NotFound")


def test_the_routes_beside_azures(client: TestClient, published: dict[str, Any]) -> None:
    assert client.post("/v1/pipelines", json=definition().to_dict()).json() == published
    assert client.get(f"/v1/pipelines/{published['pipeline_id']}").json() == published
    assert client.get("/v1/pipeline-endpoints/bank?version=1").json() == published
    assert client.get("/v1/pipelines?name=bank").json() == [published]
    assert client.get("/v1/pipelines?name=other").json() == []
    assert error(client.get("/v1/pipeline-endpoints/bank?version=2"))[:2] == (404, "NotFound")
    assert client.get("/v1/workspace").json()["url"] == BASE
    paths = client.get("/openapi.json").json()["paths"]
    assert "post" in paths["/pipelines/v1.0/PipelineRuns/PipelineSubmit/{pipeline_id}"]


def test_azures_other_fields_are_accepted() -> None:
    submitted = read_submission(
        b'{"RunType": "HTTP", "ScheduleId": null, "ContinueRunOnStepFailure": false, "EnableNotification": false, '
        b'"DataPathAssignments": {}, "DataSetDefinitionValueAssignments": null, "Tags": {"a": "b"}}'
    )
    assert submitted.tags == {"a": "b"}
    assert submitted.key is None
    assert submitted.submission.run_source == "REST"
    with pytest.raises(InvalidRequest):
        read_submission(b'{"tag": {}}')
