"""Mistakes in what is sent about pipelines: each is named, and nothing is made."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.unit.control_plane.pipeline_http import error, submit
from tests.unit.control_plane.pipeline_parts import Pipelines, definition

from azureml_local.pipelines.manager import Submitted
from azureml_local.store.pipeline_run_records import RESERVED_PROPERTIES
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import PipelineSubmission
from azureml_workspace.statuses import PipelineStatus

pytestmark = pytest.mark.unit


def changed(**automl: Any) -> dict[str, Any]:
    body = definition().to_dict()
    return {**body, "automl": {**body["automl"], **automl}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            changed(experiment_timeout_minute=5),
            "no field 'experiment_timeout_minute'; did you mean experiment_",
        ),
        (changed(Seed=1), "no field 'Seed'; did you mean seed?"),
        ({**changed(), "zebra": 1}, "a pipeline definition has no field 'zebra'; there are name, automl, "),
        (changed(iterations=True), "Expected `int | null`, got `bool` - at `$.automl.iterations`"),
        (changed(experiment_timeout_minutes="5"), "$.automl.experiment_timeout_minutes"),
        (changed(iterations=3.5), "$.automl.iterations"),
        ({**changed(), "automl": 7}, "$.automl"),
        ({"name": "bank"}, "automl"),
        ([], "not a JSON object"),
    ],
)
def test_a_mistake_in_a_definition_is_named(client: TestClient, body: Any, words: str) -> None:
    status, code, message = error(client.post("/v1/pipelines", json=body))
    assert (status, code) == (400, "InvalidRequest")
    assert words in message
    assert client.get("/v1/pipelines").json() == []


def test_the_document_says_what_a_definition_is(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schema = document["paths"]["/v1/pipelines"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "automl" in document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["properties"]


LONG = "z" * 5000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ExperimentName": "one", "experimentname": "two"}, "ExperimentName twice"),
        ({"RunSource": "me\n2026-01-01T00:00:00Z Completed"}, "RunSource is 'me\\n2026"),
        ({"RunSource": "\x1b[2J"}, "RunSource is"),
        ({"RunSource": "x" * 101}, "at most 100 printable characters"),
        ({LONG: 1}, "a submission has no field 'zzzzz"),
        ({"ParameterAssignments": {LONG: "1"}}, "no parameter 'zzzzz"),
        ({"ParameterAssignments": {"iterations": LONG}}, "iterations is 'zzzzz"),
        ({"ParameterAssignments": {"iterations": "9" * 5000}}, "iterations is '99999"),
        ({"ExperimentName": LONG}, "experiment name 'zzzzz"),
        *[({"Properties": {name: "forged"}}, f"Properties.{name} is") for name in sorted(RESERVED_PROPERTIES)],
    ],
)
def test_a_mistake_in_a_submission_is_named_briefly(
    client: TestClient, published: dict[str, Any], body: Any, words: str
) -> None:
    status, code, message = error(submit(client, published, **body))
    assert (status, code) == (400, "InvalidRequest")
    assert words in message
    assert len(message) < 600
    assert client.get("/v1/runs").json() == []


def test_whatever_a_run_says_of_itself_is_reserved(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = pipelines.automl_runs.find_step(run.run_id)
    assert automl is not None
    pipelines.complete_automl(automl.run_id)
    pipelines.look(run.run_id)
    properties = pipelines.look(run.run_id).properties
    assert "model" in properties
    assert set(properties) <= RESERVED_PROPERTIES


def test_parameters_come_back_to_the_last_digit(client: TestClient, published: dict[str, Any]) -> None:
    entity = submit(client, published, ParameterAssignments={"experiment_timeout_minutes": "0.123456789"}).json()
    assert entity["ParameterAssignments"]["experiment_timeout_minutes"] == "0.123456789"


def test_a_key_is_of_one_pipeline_and_finds_nothing_through_an_endpoint_that_is_none(pipelines: Pipelines) -> None:
    run = pipelines.submit("key")
    other = pipelines.manager.publish(definition(name="other"))
    with pytest.raises(Conflict, match=f"'key' is that of run {run.run_id} of pipeline 'bank'"):
        pipelines.submit("key", other.pipeline_id)
    submitted = Submitted(submission=PipelineSubmission(), key="key")
    for ask in (pipelines.manager.submit, pipelines.manager.submit_default):
        with pytest.raises(NotFound):
            ask("nobody", submitted)
    # Still of the same pipeline: another version of it, and a disabled one.
    second = pipelines.manager.publish(definition(seed=7))
    pipelines.manager.set_status(second.pipeline_id, PipelineStatus.DISABLED)
    assert pipelines.submit("key", second.pipeline_id).run_id == run.run_id


def test_a_dataset_version_that_is_not_there_is_the_callers_mistake(pipelines: Pipelines) -> None:
    pipelines.manager.publish(definition())
    with pytest.raises(InvalidRequest, match="pipeline bank cannot work: there is no version 7"):
        pipelines.submit(dataset_version="7")
