"""The pipeline calls of the local adapter: where a submission goes, and what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from tests.unit.workspace.conftest import Script, answer

from azureml_workspace import errors
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import PipelineSubmission

pytestmark = pytest.mark.unit

Open = Callable[..., Workspace]

HERE = "http://azureml:8790"
SUBMIT = "/pipelines/v1.0/PipelineRuns/PipelineSubmit/p1"
ENDPOINT_SUBMIT = "/pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Id/e1"
RUN = {
    "run_id": "r1",
    "experiment_name": "exp",
    "run_type": "pipeline",
    "status": "NotStarted",
    "created_at": "2026-11-21T00:00:00Z",
    "portal_url": "http://portal/r1",
}


def submit(workspace: Workspace, endpoint: str, **submission: Any) -> Any:
    return workspace.submit_pipeline(endpoint, PipelineSubmission(**submission), submission_key="k")


@pytest.mark.parametrize("path", [SUBMIT, ENDPOINT_SUBMIT])
def test_azures_body_goes_to_the_endpoint(script: Script, open_with: Open, path: str) -> None:
    script.answers = [answer(200, {"Id": "r1"}), answer(200, RUN)]
    run = submit(open_with(url=HERE), HERE + path, experiment_name="exp", parameters={"iterations": "3"})
    assert run.run_id == "r1"
    method, url, sent = script.calls[0]
    assert (method, url) == ("POST", HERE + path)
    assert sent["headers"]["Authorization"] == "Bearer sesame-token"
    assert sent["json"] == {
        "ExperimentName": "exp",
        "ParameterAssignments": {"iterations": "3"},
        "RunSource": "Airflow",
        "Properties": {"submission_key": "k"},
    }
    assert script.calls[1][1] == f"{HERE}/v1/runs/r1"


def test_no_experiment_leaves_it_to_the_definition(script: Script, open_with: Open) -> None:
    script.answers = [answer(200, {"Id": "r1"}), answer(200, RUN)]
    submit(open_with(url=HERE), HERE + SUBMIT)
    assert "ExperimentName" not in script.calls[0][2]["json"]


@pytest.mark.parametrize(
    ("connection", "endpoint"),
    [
        ("http://127.0.0.1:8790", "http://localhost:8790"),
        ("http://localhost:8790/", "http://[::1]:8790"),
        ("https://azureml", "https://AzureML:443"),
    ],
)
def test_names_of_one_server(script: Script, open_with: Open, connection: str, endpoint: str) -> None:
    script.answers = [answer(200, {"Id": "r1"}), answer(200, RUN)]
    submit(open_with(url=connection), endpoint + SUBMIT)
    assert script.calls[0][:2] == ("POST", connection.rstrip("/") + SUBMIT)


def test_the_server_is_asked_by_which_other_name_it_knows_itself(script: Script, open_with: Open) -> None:
    """In a container the server says 127.0.0.1 of itself, and the connection calls it by the container's name."""
    known = answer(200, {"description": "d", "url": "http://127.0.0.1:8790"})
    script.answers = [known, answer(200, {"Id": "r1"}), answer(200, RUN)]
    submit(open_with(url=HERE), "http://127.0.0.1:8790" + SUBMIT)
    assert [call[:2] for call in script.calls[:2]] == [("GET", f"{HERE}/v1/workspace"), ("POST", HERE + SUBMIT)]


@pytest.mark.parametrize(
    "foreign",
    [
        "http://evil.example:8790",
        "https://azureml:8790",
        "http://azureml:9999",
        "http://azureml:8790@evil.example",
        "//evil.example:8790",
        "http://[::1",
        "http://azureml:port",
    ],
)
def test_the_token_goes_to_no_other_host(script: Script, open_with: Open, foreign: str) -> None:
    script.answers = [answer(200, {"description": "d", "url": "http://127.0.0.1:8790"})]
    with pytest.raises(errors.InvalidRequest, match="endpoint"):
        submit(open_with(url=HERE), foreign + SUBMIT)
    assert {(method, url) for method, url, _ in script.calls} <= {("GET", f"{HERE}/v1/workspace")}


@pytest.mark.parametrize("path", ["", "/", "/v1/pipelines/p1", "/pipelines/v1.0/PipelineRuns/r1", f"{SUBMIT}/../../x"])
def test_another_path_is_no_endpoint(script: Script, open_with: Open, path: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        submit(open_with(url=HERE), HERE + path)
    assert script.calls == []


def test_a_lost_connection_is_repeated_with_the_same_key(script: Script, open_with: Open, clock: list[float]) -> None:
    script.answers = [requests.ConnectionError("reset"), answer(200, {"Id": "r1"}), answer(200, RUN)]
    submit(open_with(url=HERE), HERE + SUBMIT)
    assert [call[2]["json"]["Properties"] for call in script.calls[:2]] == [{"submission_key": "k"}] * 2


def test_an_empty_key_is_refused(script: Script, open_with: Open) -> None:
    with pytest.raises(errors.InvalidRequest, match="submission_key"):
        open_with(url=HERE).submit_pipeline(HERE + SUBMIT, PipelineSubmission(), submission_key=" ")
    assert script.calls == []


def test_names_and_ids_stay_in_their_place(script: Script, open_with: Open) -> None:
    for ask in (
        lambda: open_with().get_pipeline("../runs/r1"),
        lambda: open_with().find_pipeline("a/b"),
        lambda: open_with().list_step_runs(".."),
    ):
        with pytest.raises(errors.InvalidRequest):
            ask()
    assert script.calls == []
