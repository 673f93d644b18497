"""Pipelines over HTTP as anybody may use them, and on the command line."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import requests
from tests.integration.control_plane.conftest import (
    automl_step,
    ended,
    let_go,
    pipeline,
    reaches,
    submit_pipeline,
)
from tests.local_server import LocalServer, eventually, run_cli

from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration


def curl(url: str, token: str, body: str) -> dict[str, Any]:
    """What `curl -X POST` with a bearer token prints."""
    command = ["curl", "-sS", "-X", "POST", url, "-H", f"Authorization: Bearer {token}", "-d", body]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    answer: dict[str, Any] = json.loads(printed)
    return answer


def test_curl_starts_a_run_that_completes(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    published = pipeline(workspace)
    entity = curl(
        published.endpoint,
        shared_server.token,
        '{"ExperimentName": "complete", "ParameterAssignments": {"dataset_version": "1"}}',
    )
    assert entity["PipelineId"] == published.pipeline_id
    run = ended(workspace, entity["Id"])
    assert (run.status, run.experiment_name) == (RunStatus.COMPLETED, "complete")
    read = shared_server.request("GET", f"/pipelines/v1.0/PipelineRuns/{run.run_id}").json()
    assert read["Status"]["StatusCode"] == "Finished"
    assert read["Status"]["EndTime"] is not None
    assert read["Properties"]["model"].startswith("bank:")
    assert curl(published.endpoint, "wrong", "{}")["error"]["code"] == "Unauthorized"


def test_requests_starts_one_as_azures_examples_do(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    published = pipeline(workspace)
    response = requests.post(
        published.pipeline_endpoint,
        headers=shared_server.headers,
        json={"ExperimentName": "complete", "ParameterAssignments": {"iterations": "3"}, "RunSource": "SDK"},
        timeout=30,
    )
    response.raise_for_status()
    run_id = response.json().get("Id")
    assert ended(workspace, run_id).properties["iterations"] == "3"
    log = shared_server.request("GET", f"/v1/runs/{run_id}/log").text
    assert "submitted by SDK" in log
    assert log.rstrip().endswith("Completed")
    last = shared_server.request("GET", f"/v1/runs/{run_id}/log?tail=1").text
    assert last == log.splitlines()[-1]
    step = workspace.list_step_runs(run_id)[1].run_id
    assert "registered as version" in shared_server.request("GET", f"/v1/runs/{step}/log").text


def test_cancelling_a_step_cancels_the_run(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    run_id = submit_pipeline(workspace, "wait")
    automl = automl_step(workspace, run_id)
    reaches(workspace, automl, RunStatus.RUNNING)
    workspace.cancel_run(automl)
    run = ended(workspace, run_id)
    assert run.status is RunStatus.CANCELED
    assert run.error == f"its step automl (run {automl}) was cancelled: cancelled on request"


def test_pipelines_share_the_queue(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    first, second = submit_pipeline(workspace, "wait"), submit_pipeline(workspace, "complete")
    reaches(workspace, automl_step(workspace, first), RunStatus.RUNNING)
    reaches(workspace, automl_step(workspace, second), RunStatus.QUEUED)
    eventually(lambda: workspace.list_step_runs(second)[0].status is RunStatus.QUEUED, what="the step's status")
    let_go(shared_server, automl_step(workspace, first))
    assert [ended(workspace, run_id).status for run_id in (first, second)] == [RunStatus.COMPLETED] * 2


def test_the_command_line_shows_them(own_server: LocalServer) -> None:
    home = str(own_server.home)
    assert "no pipelines yet" in run_cli("pipelines", "--home", home).stdout
    workspace = own_server.workspace()
    published = pipeline(workspace)
    done = submit_pipeline(workspace, "complete")
    ended(workspace, done)
    running = submit_pipeline(workspace, "wait")
    automl = automl_step(workspace, running)
    reaches(workspace, automl, RunStatus.RUNNING)
    pipeline(workspace, description="another")

    listed = run_cli("pipelines", "--home", home).stdout.splitlines()
    assert listed[0] == f"bank  {published.pipeline_endpoint}"
    assert listed[1].split() == ["version", "2", "Active", "default"]
    assert listed[3].strip() == "last run: none"
    assert listed[4].split() == ["version", "1", "Active"]
    assert listed[5].strip() == published.endpoint
    assert f"last run: {running}" in listed[6]

    said = run_cli("pipelines", "--disable", published.pipeline_id, "--home", home).stdout
    assert said == "version 1 of pipeline bank is Disabled\n"
    assert run_cli("pipelines", "--home", home).stdout.splitlines()[4].split() == ["version", "1", "Disabled"]
    said = run_cli("pipelines", "--enable", published.pipeline_id, "--home", home).stdout
    assert said == "version 1 of pipeline bank is Active\n"
    assert "no published pipeline" in run_cli("pipelines", "--enable", "nobody", "--home", home).stderr

    runs = run_cli("runs", "--home", home).stdout.splitlines()
    assert [line.split()[0] for line in runs] == [running, automl, done, automl_step(workspace, done)]
    assert [line.startswith("  ") for line in runs] == [False, True, False, True]
    assert "pipeline bank:1" in runs[2]
    assert "AUC_weighted 0.90000  model bank:1" in runs[2]

    status = run_cli("status", "--home", home)
    assert status.returncode == 0
    assert "automl Running, register_model NotStarted" in status.stdout


@pytest.mark.parametrize("server_lives", [True, False])
def test_stop_cancels_what_has_no_result_and_says_what_goes_on(own_server: LocalServer, server_lives: bool) -> None:
    workspace = own_server.workspace()
    trained, queued = submit_pipeline(workspace, "wait"), submit_pipeline(workspace, "wait")
    automl = automl_step(workspace, trained)
    automl_step(workspace, queued)
    reaches(workspace, automl, RunStatus.RUNNING)
    if not server_lives:
        own_server.kill()
        let_go(own_server, automl)
        eventually((own_server.home / "runs" / automl / "result.json").exists, what="the result")
    stopped = run_cli("stop", "--home", str(own_server.home)).stdout
    own_server.kill()
    if server_lives:
        assert "4 runs had not ended and are Canceled" in stopped
        assert "next server" not in stopped
    else:
        assert "2 runs had not ended and are Canceled" in stopped
        assert "2 runs had ended their training; the next server takes them to their end" in stopped
    again = own_server.start().workspace()
    run = ended(again, trained)
    if server_lives:
        assert (run.status, run.error) == (RunStatus.CANCELED, "the local Azure ML was stopped")
    else:
        assert run.status is RunStatus.COMPLETED
    cancelled = ended(again, queued)
    assert (cancelled.status, cancelled.error) == (RunStatus.CANCELED, "the local Azure ML was stopped")
    assert [step.status for step in again.list_step_runs(queued)] == [RunStatus.CANCELED] * 2
