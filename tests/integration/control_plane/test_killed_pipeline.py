"""kill -9 of the server around every step of a pipeline run: the next server ends it, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

import psutil
import pytest
from tests.integration.control_plane.conftest import (
    automl_step,
    ended,
    job_pid,
    let_go,
    pipeline,
    reaches,
    submit_pipeline,
)
from tests.local_server import LocalServer, eventually

from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration


def check_completed_once(server: LocalServer, run_id: str, key: str, *, starts: int = 1) -> None:
    """The run is Completed with one AutoML run, so many jobs and one model version, and its key finds it."""
    workspace = server.workspace()
    run = ended(workspace, run_id)
    assert (run.status, run.error) == (RunStatus.COMPLETED, "")
    runs = server.request("GET", "/v1/runs").json()
    assert sorted(found["run_type"] for found in runs) == ["automl", "pipeline"]
    automl = automl_step(workspace, run_id)
    log = (server.home / "runs" / automl / "logs" / "job.log").read_text()
    assert log.count("fake job:") == starts  # every job says so; another job.json would take the place of the first
    assert workspace.get_run(automl).properties.get("starts", "1") == str(starts)
    assert [model["version"] for model in server.request("GET", "/v1/models").json()] == [1]
    assert workspace.pipeline_result(run_id).model.run_id == automl
    assert [step.status for step in workspace.list_step_runs(run_id)] == [RunStatus.COMPLETED] * 2
    assert submit_pipeline(workspace, "complete", key) == run_id


def test_right_after_the_submission(own_server: LocalServer) -> None:
    run_id = submit_pipeline(own_server.workspace(), "complete", "key")
    own_server.kill()
    check_completed_once(own_server.start(), run_id, "key")


def test_while_its_automl_run_is_at_work(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit_pipeline(workspace, "wait", "key")
    automl = automl_step(workspace, run_id)
    reaches(workspace, automl, RunStatus.RUNNING)
    pid = job_pid(own_server, automl)
    own_server.kill()
    assert psutil.Process(pid).is_running()
    again = own_server.start().workspace()
    assert again.get_run(run_id).status is RunStatus.RUNNING
    assert automl_step(again, run_id) == automl
    let_go(own_server, automl)
    check_completed_once(own_server, run_id, "key")
    assert job_pid(own_server, automl) == pid


def test_while_its_job_is_killed_too(own_server: LocalServer) -> None:
    """As when the container of both is: the same AutoML run begins again."""
    workspace = own_server.workspace()
    run_id = submit_pipeline(workspace, "wait", "key")
    automl = automl_step(workspace, run_id)
    reaches(workspace, automl, RunStatus.RUNNING)
    own_server.kill()
    os.kill(job_pid(own_server, automl), signal.SIGKILL)
    own_server.start()
    let_go(own_server, automl)
    check_completed_once(own_server, run_id, "key", starts=2)


def test_its_automl_run_ended_meanwhile(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit_pipeline(workspace, "wait", "key")
    automl = automl_step(workspace, run_id)
    reaches(workspace, automl, RunStatus.RUNNING)
    own_server.kill()
    let_go(own_server, automl)
    eventually((own_server.home / "runs" / automl / "result.json").exists, what="the result")
    check_completed_once(own_server.start(), run_id, "key")


BETWEEN_THE_STEPS = (
    "UPDATE pipeline_runs SET status = 'Running', ended_at = NULL",
    "UPDATE pipeline_steps SET status = 'NotStarted', run_id = NULL, started_at = NULL, ended_at = NULL "
    "WHERE name = 'register_model'",
)


@pytest.mark.parametrize(
    "undone",
    [
        (*BETWEEN_THE_STEPS, "DELETE FROM model_versions"),
        BETWEEN_THE_STEPS,
        (BETWEEN_THE_STEPS[0], "UPDATE pipeline_steps SET status = 'Running' WHERE name = 'register_model'"),
        (*BETWEEN_THE_STEPS, "UPDATE pipeline_steps SET status = 'Running' WHERE name = 'automl'"),
        (
            *BETWEEN_THE_STEPS,
            "UPDATE pipeline_steps SET status = 'NotStarted', run_id = NULL",
            "UPDATE pipeline_runs SET status = 'NotStarted'",
        ),
    ],
    ids=[
        "before it registered",
        "registered, nothing noted",
        "all but the end noted",
        "automl's end",
        "automl's start",
    ],
)
def test_between_the_steps(own_server: LocalServer, undone: tuple[str, ...]) -> None:
    """The database is put back to where it stood at that moment; a moment is too short to hit with a signal."""
    run_id = submit_pipeline(own_server.workspace(), "complete", "key")
    ended(own_server.workspace(), run_id)
    own_server.kill()
    with sqlite3.connect(own_server.home / "metadata.db") as connection:
        for statement in undone:
            connection.execute(statement)
    check_completed_once(own_server.start(), run_id, "key")


def test_killed_again_and_again(own_server: LocalServer) -> None:
    run_id = submit_pipeline(own_server.workspace(), "complete", "key")
    for seconds in (0.0, 0.05, 0.15, 0.3):
        own_server.kill()
        own_server.start()
        time.sleep(seconds)
    check_completed_once(own_server, run_id, "key")


def test_a_cancellation_is_carried_out_by_the_next_server(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit_pipeline(workspace, "stubborn")
    automl = automl_step(workspace, run_id)
    reaches(workspace, automl, RunStatus.RUNNING)
    workspace.cancel_run(run_id)
    own_server.kill()
    again = own_server.start().workspace()
    run = ended(again, run_id)
    assert (run.status, run.error) == (RunStatus.CANCELED, "cancelled on request")
    assert again.get_run(automl).status is RunStatus.CANCELED
    assert own_server.request("GET", "/v1/models").json() == []


def test_a_killed_job_fails_the_run_with_its_reason(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit_pipeline(workspace, "wait")
    automl = automl_step(workspace, run_id)
    reaches(workspace, automl, RunStatus.RUNNING)
    os.kill(job_pid(own_server, automl), signal.SIGKILL)
    run = ended(workspace, run_id)
    assert run.status is RunStatus.FAILED
    assert run.error.startswith(f"step automl (run {automl}) failed: the job ended without a result")
    register = workspace.list_step_runs(run_id)[1]
    assert (register.status, register.run_id) == (RunStatus.CANCELED, None)
    assert register.error.startswith("did not start: ")


def test_published_pipelines_and_their_endpoints_stay(own_server: LocalServer) -> None:
    before = pipeline(own_server.workspace())
    own_server.kill()
    again: LocalWorkspace = own_server.start().workspace()
    after = pipeline(again)
    assert after.pipeline_id == before.pipeline_id
    assert after.pipeline_endpoint.split("/", 3)[3] == before.pipeline_endpoint.split("/", 3)[3]
