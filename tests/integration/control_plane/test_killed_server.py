"""kill -9 of the server while jobs run or wait: the next server ends what the first began."""

from __future__ import annotations

import json
import os
import signal
import sqlite3

import psutil
import pytest
from tests.integration.control_plane.conftest import ended, job_pid, let_go, reaches, submit
from tests.local_server import LocalServer, eventually

from azureml_local.jobs.job import MOST_STARTS
from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration


def test_jobs_outlive_it_and_queued_ones_go_on(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    running, queued = submit(workspace, "wait").run_id, submit(workspace, "complete").run_id
    reaches(workspace, running, RunStatus.RUNNING)
    reaches(workspace, queued, RunStatus.QUEUED)
    pid = job_pid(own_server, running)
    (own_server.home / "datasets" / ".tmp-half").mkdir()
    scratch = own_server.home / "runs" / running / ".tmp-job" / "outputs"
    scratch.mkdir(parents=True)
    own_server.kill()
    assert psutil.Process(pid).is_running()
    again = own_server.start().workspace()
    assert again.get_run(running).status is RunStatus.RUNNING
    assert again.get_run(queued).status is RunStatus.QUEUED
    assert not (own_server.home / "datasets" / ".tmp-half").exists()
    assert scratch.is_dir(), "the scratch folder of a live job was swept away"
    let_go(own_server, running)
    assert ended(again, running).status is RunStatus.COMPLETED
    assert not scratch.parent.exists()
    assert job_pid(own_server, running) == pid
    assert again.automl_progress(running).trials_done == 3
    assert ended(again, queued).status is RunStatus.COMPLETED


def test_results_written_meanwhile_are_taken_in(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    finishing = submit(workspace, "wait").run_id
    reaches(workspace, finishing, RunStatus.RUNNING)
    own_server.kill()
    pid = job_pid(own_server, finishing)
    let_go(own_server, finishing)
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", what="the job's end")
    again = own_server.start().workspace()
    assert ended(again, finishing).status is RunStatus.COMPLETED
    assert len(again.list_child_runs(finishing)) == 3


def lose(server: LocalServer, run_id: str) -> LocalWorkspace:
    """The server and its job end together, as with their machine; the workspace of the next server."""
    pid = job_pid(server, run_id)
    server.kill()
    os.kill(pid, signal.SIGKILL)
    return server.start().workspace()


def test_a_job_that_was_lost_with_the_server_is_started_again(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "wait").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    eventually(lambda: len(workspace.list_child_runs(run_id)) == 2, what="its first trials")
    first = job_pid(own_server, run_id)
    started_at = workspace.get_run(run_id).started_at
    again = lose(own_server, run_id)
    eventually(lambda: job_pid(own_server, run_id) != first, what="another job")
    assert again.get_run(run_id).started_at == started_at
    let_go(own_server, run_id)
    run = ended(again, run_id)
    assert (run.status, run.error, run.properties["starts"]) == (RunStatus.COMPLETED, "", "2")
    assert [child.iteration for child in again.list_child_runs(run_id)] == [0, 1, 2]


def test_a_job_that_takes_the_server_with_it_is_given_up(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "wait").run_id
    for _ in range(MOST_STARTS):
        reaches(workspace, run_id, RunStatus.RUNNING)
        workspace = lose(own_server, run_id)
    failed = ended(workspace, run_id)
    assert failed.status is RunStatus.FAILED
    assert f"it was lost together with the server {MOST_STARTS} times" in failed.error


def test_a_cancelled_run_is_not_started_again(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "stubborn").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    pid = job_pid(own_server, run_id)
    workspace.cancel_run(run_id)
    own_server.kill()
    os.kill(pid, signal.SIGKILL)
    assert ended(own_server.start().workspace(), run_id).status is RunStatus.CANCELED


def test_a_recycled_pid_is_not_taken_for_the_job(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "wait").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    pid = job_pid(own_server, run_id)
    own_server.kill()
    os.kill(pid, signal.SIGKILL)
    mine = psutil.Process()
    path = own_server.home / "runs" / run_id / "pid.json"
    path.write_text(json.dumps({"pid": mine.pid, "pid_started": mine.create_time() - 100}))
    again = own_server.start().workspace()
    eventually(lambda: job_pid(own_server, run_id) not in {mine.pid, pid}, what="a job of its own")
    let_go(own_server, run_id)
    assert ended(again, run_id).status is RunStatus.COMPLETED


def test_a_cancellation_is_carried_out_by_the_next_server(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "stubborn").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    workspace.cancel_run(run_id)
    own_server.kill()
    assert ended(own_server.start().workspace(), run_id).status is RunStatus.CANCELED


def test_a_run_whose_start_was_cut_off_is_started(own_server: LocalServer) -> None:
    """The server was killed after it took the run from the queue and before a process was there."""
    workspace = own_server.workspace()
    run_id = submit(workspace, "wait").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    own_server.kill()
    os.kill(job_pid(own_server, run_id), signal.SIGKILL)
    with sqlite3.connect(own_server.home / "metadata.db") as connection:
        connection.execute("UPDATE runs SET status = 'Preparing', phase = '', events_read = 0")
    folder = own_server.home / "runs" / run_id
    for file in ("pid.json", "events.jsonl"):
        (folder / file).unlink()
    again = own_server.start().workspace()
    reaches(again, run_id, RunStatus.RUNNING)
    let_go(own_server, run_id)
    assert ended(again, run_id).status is RunStatus.COMPLETED
