"""What is done about a job that does not end by itself: the limits are shortened, the processes are real."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.control_plane.conftest import job as job_settings
from tests.integration.control_plane.fake_job_server import fake_job_command
from tests.local_server import eventually, processes_of

from azureml_local.files import write_json
from azureml_local.jobs import job as job_module
from azureml_local.jobs.files import JOB_FILE, LOG_FILE, JobFile, read_result
from azureml_local.jobs.job import Job, Outcome
from azureml_local.processes import ManagedProcess, ProcessIdentity
from azureml_local.store.runs import ActiveRun
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration


class Started:
    """A fake job without a server."""

    def __init__(self, folder: Path, behaviour: str) -> None:
        settings = job_settings(behaviour, experiment_timeout_minutes=0.1)
        write_json(folder / JOB_FILE, JobFile(run_id="r", data_path="", columns=(), settings=settings, cores=1))
        self.process = ManagedProcess.start(fake_job_command(folder), folder / LOG_FILE, cwd=folder)
        active = ActiveRun(
            run_id="r",
            status=RunStatus.RUNNING,
            storage_key="",
            settings=settings,
            max_nodes=1,
            events_read=0,
            starts=1,
        )
        self.folder = folder
        self.job = Job(active, folder, self.process, 1)
        eventually(lambda: self.job.news(0).trials, what="the first trial")

    def ends(self, *, cancelled: bool = False) -> Outcome:
        """Let the job be kept in bounds until it is gone."""

        def gone() -> bool:
            self.job.keep_in_bounds(cancelled=cancelled)
            return not self.job.is_alive()

        eventually(gone, what="the job's end")
        return self.job.outcome(cancelled=cancelled)


StartJob = Callable[[str], Started]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartJob]:
    monkeypatch.setattr(job_module, "KILL_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(job_module, "LINGER_SECONDS", 0.2)
    made: list[Started] = []

    def do(behaviour: str) -> Started:
        made.append(Started(tmp_path, behaviour))
        return made[-1]

    yield do
    for started in made:
        started.process.terminate(grace_seconds=0)


def test_a_job_within_its_bounds_is_left_alone(start: StartJob) -> None:
    started = start("wait")
    for _ in range(20):
        started.job.keep_in_bounds(cancelled=False)
    assert started.job.is_alive()


def test_a_job_that_ignores_the_request_to_end_is_killed(start: StartJob) -> None:
    outcome = start("stubborn").ends(cancelled=True)
    assert outcome.status is RunStatus.CANCELED


def test_a_job_that_overruns_its_time_limit_is_ended_and_has_failed(start: StartJob) -> None:
    started = start("wait")
    identity = started.process.identity
    # As if it had started an hour ago.
    started.process.identity = ProcessIdentity(pid=identity.pid, pid_started=identity.pid_started - 3600)
    started.job.keep_in_bounds(cancelled=False)
    started.process.identity = identity
    outcome = started.ends()
    assert outcome.status is RunStatus.FAILED
    assert "experiment_timeout_minutes=0.1" in outcome.error
    assert "fake job: wait" in outcome.error


def test_a_job_that_lingers_after_its_result_has_completed(start: StartJob) -> None:
    started = start("linger")
    eventually(lambda: read_result(started.folder), what="the result")
    assert started.ends().status is RunStatus.COMPLETED


def test_what_a_dead_job_left_running_is_ended_with_it(start: StartJob) -> None:
    started = start("parent")
    started.process.signal_alone(signal.SIGKILL)
    assert started.ends().status is RunStatus.FAILED
    eventually(lambda: not processes_of(started.folder), what="the end of the job's own child")


def test_a_process_is_not_taken_for_another_with_its_pid() -> None:
    this = ProcessIdentity.of(os.getpid())
    assert this is not None
    assert this.is_alive()
    other = ProcessIdentity(pid=this.pid, pid_started=this.pid_started - 60)
    assert not other.is_alive()
    ManagedProcess(other).signal_group(signal.SIGKILL)  # which would end this test run
