"""Jobs as real processes under a real server: how each ends, and who waits for whom."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from tests.integration.control_plane.conftest import (
    MakeServer,
    ended,
    job,
    job_pid,
    let_go,
    prepare,
    reaches,
    submit,
)
from tests.local_server import LocalServer, eventually, processes_of

from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.records import ComputeTarget
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration


def test_a_run_completes_and_everything_of_it_can_be_read(workspace: LocalWorkspace) -> None:
    submitted = workspace.submit_automl(job("complete"), submission_key="complete-once")
    run = ended(workspace, submitted.run_id)
    assert (run.status, run.error) == (RunStatus.COMPLETED, "")
    assert run.properties["best_algorithm"] == "Model2"
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.created_at <= run.started_at <= run.ended_at
    children = workspace.list_child_runs(run.run_id)
    assert [(child.run_id, child.status) for child in children] == [
        (f"{run.run_id}_0", RunStatus.COMPLETED),
        (f"{run.run_id}_1", RunStatus.FAILED),
        (f"{run.run_id}_2", RunStatus.COMPLETED),
    ]
    assert children[2].parameters == {"depth": "2"}
    progress = workspace.automl_progress(run.run_id)
    assert (progress.trials_done, progress.trials_failed, progress.best_score) == (3, 1, 0.9)
    assert workspace.automl_result(run.run_id).metrics == {"AUC_weighted": 0.9}
    assert "outputs/model.onnx" in workspace.list_run_files(run.run_id)
    assert b"fake job: complete" in workspace.read_run_file(run.run_id, "logs/job.log")
    assert workspace.submit_automl(job("complete"), submission_key="complete-once").run_id == run.run_id


def test_progress_is_seen_while_the_job_runs(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    run = submit(workspace, "wait")
    reaches(workspace, run.run_id, RunStatus.RUNNING)
    progress = eventually(
        lambda: found if (found := workspace.automl_progress(run.run_id)).trials_done == 2 else None,
        what="two trials",
    )
    assert (progress.phase, progress.best_algorithm) == ("search", "Model0")
    let_go(shared_server, run.run_id)
    assert ended(workspace, run.run_id).status is RunStatus.COMPLETED


def test_a_job_that_refuses_says_why(workspace: LocalWorkspace) -> None:
    run = ended(workspace, submit(workspace, "refuse").run_id)
    assert (run.status, run.error) == (RunStatus.FAILED, "one class only")


def test_a_job_that_crashes_fails_with_its_last_words_and_can_be_submitted_again(workspace: LocalWorkspace) -> None:
    first = workspace.submit_automl(job("crash"), submission_key="crash-twice")
    run = ended(workspace, first.run_id)
    assert run.status is RunStatus.FAILED
    assert "exit code 3" in run.error
    assert "fake job: crash" in run.error
    assert workspace.submit_automl(job("crash"), submission_key="crash-twice").run_id != run.run_id


def test_a_killed_job_fails_by_the_name_of_the_signal(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    run = submit(workspace, "wait")
    reaches(workspace, run.run_id, RunStatus.RUNNING)
    os.kill(job_pid(shared_server, run.run_id), signal.SIGKILL)
    failed = ended(workspace, run.run_id)
    assert failed.status is RunStatus.FAILED
    assert "SIGKILL" in failed.error


@pytest.mark.parametrize("behaviour", ["wait", "parent"])
def test_a_cancelled_job_is_gone_with_all_it_started(
    workspace: LocalWorkspace, shared_server: LocalServer, behaviour: str
) -> None:
    run = submit(workspace, behaviour)
    reaches(workspace, run.run_id, RunStatus.RUNNING)
    assert workspace.cancel_run(run.run_id).status is RunStatus.CANCEL_REQUESTED
    assert ended(workspace, run.run_id).status is RunStatus.CANCELED
    folder = shared_server.home / "runs" / run.run_id
    eventually(lambda: not processes_of(folder), what="the end of all processes of the job")
    assert not (folder / "result.json").exists()
    assert workspace.cancel_run(run.run_id).status is RunStatus.CANCELED


def test_one_node_runs_one_job_at_a_time_in_order(workspace: LocalWorkspace, shared_server: LocalServer) -> None:
    first, second, third = (submit(workspace, "wait").run_id for _ in range(3))
    reaches(workspace, first, RunStatus.RUNNING)
    for waiting in (second, third):
        reaches(workspace, waiting, RunStatus.QUEUED)
    assert workspace.cancel_run(second).status is RunStatus.CANCELED
    assert workspace.get_run(third).status is RunStatus.QUEUED
    let_go(shared_server, first)
    assert ended(workspace, first).status is RunStatus.COMPLETED
    reaches(workspace, third, RunStatus.RUNNING)
    let_go(shared_server, third)
    assert ended(workspace, third).status is RunStatus.COMPLETED
    assert not (shared_server.home / "runs" / second).exists()


def test_nodes_share_the_cores_of_the_machine(make_server: MakeServer, csv_file: Path) -> None:
    server = make_server(FAKE_CORES="4").start()
    workspace = server.workspace()
    prepare(workspace, csv_file, max_nodes=2)
    workspace.ensure_compute(ComputeTarget(name="all-of-it", max_nodes=1))
    first, second, third = (submit(workspace, "wait").run_id for _ in range(3))
    other = submit(workspace, "wait", compute_target="all-of-it").run_id
    for run_id in (first, second):
        reaches(workspace, run_id, RunStatus.RUNNING)
        assert (server.home / "runs" / run_id / "cores").read_text() == "2"
    reaches(workspace, third, RunStatus.QUEUED)
    reaches(workspace, other, RunStatus.QUEUED)
    for run_id in (first, second):
        let_go(server, run_id)
    reaches(workspace, third, RunStatus.RUNNING)
    assert workspace.get_run(other).status is RunStatus.QUEUED
    let_go(server, third)
    reaches(workspace, other, RunStatus.RUNNING)
    assert (server.home / "runs" / other / "cores").read_text() == "4"


def test_one_key_sent_at_once_over_http_is_one_run(workspace: LocalWorkspace) -> None:
    together = threading.Barrier(6)
    ids: list[str] = []

    def work() -> None:
        together.wait()
        ids.append(workspace.submit_automl(job("complete"), submission_key="at-once").run_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
