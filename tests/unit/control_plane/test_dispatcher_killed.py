"""The dispatcher killed at every point: each run is trained once, and what a lost job did is not lost with it."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.local_server import eventually
from tests.unit.control_plane.conftest import RegisterText
from tests.unit.control_plane.reaper import Killed, Reaper

from azureml_local.files import write_json
from azureml_local.jobs import dispatcher as dispatcher_module
from azureml_local.jobs import job as job_module
from azureml_local.jobs.dispatcher import JOB_MODULE, Dispatcher
from azureml_local.jobs.files import EVENTS_FILE, OVERRAN_FILE, PID_FILE, RESULT_FILE, forget_job
from azureml_local.jobs.job import MOST_STARTS
from azureml_local.paths import Home
from azureml_local.processes import ManagedProcess, ProcessIdentity
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.runs import RunStore
from azureml_workspace.records import AutoMLSettings
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

DEAD = ProcessIdentity(pid=2**22 - 1, pid_started=1.0)
RESULT = {
    "run_id": "r",
    "best_child_run_id": "r_1",
    "best_algorithm": "LightGBM",
    "primary_metric": "AUC_weighted",
    "metrics": {"AUC_weighted": 0.9},
    "validation": "none, this is a test",
    "child_runs": 2,
    "classes": ["no", "yes"],
    "rows_used": 60,
    "rows_dropped": 0,
}
_STEPS_OF_WORK: list[tuple[Any, str]] = [
    (RunStore, "advance"),
    (RunStore, "start_again"),
    (RunStore, "take_news"),
    (RunStore, "finish"),
    (dispatcher_module, "write_json"),
    (dispatcher_module, "make_temporary_folder"),
    (dispatcher_module, "remove_leftovers"),
]


class Server:
    """Dispatchers of one workspace, one after the other; their jobs count their starts and complete at once."""

    def __init__(self, home: Home, runs: RunStore, datasets: DatasetStore, settings: AutoMLSettings) -> None:
        self.home, self.runs, self._datasets, self._settings = home, runs, datasets, settings
        self._result = home.root / "tmp" / "the-result"
        write_json(self._result, {"status": "Completed", "result": RESULT})
        self.dispatcher = self.started()

    def started(self) -> Dispatcher:
        return Dispatcher(self.home, self.runs, self._datasets, command=self._command, cores=2)

    def _command(self, run_dir: Path) -> list[str]:
        phase = json.dumps({"event": "phase", "at": 1, "phase": "search"})
        work = f"echo started >> starts; echo '{phase}' >> {EVENTS_FILE}; cp {self._result} half; mv half {RESULT_FILE}"
        return ["sh", "-c", work, JOB_MODULE, str(run_dir)]

    def submit(self, key: str) -> str:
        storage_key = self._datasets.storage_key("people", 1)
        return self.runs.submit(self._settings, key, storage_key)[0].run_id

    def begun(self, key: str, status: RunStatus = RunStatus.PREPARING) -> tuple[str, Path]:
        """A run that an earlier server took from the queue, and its folder."""
        run_id = self.submit(key)
        self.runs.advance(run_id, RunStatus.PREPARING)
        self.runs.advance(run_id, status)
        self.home.run(run_id).mkdir()
        return run_id, self.home.run(run_id)

    def until_ended(self, run_id: str) -> Any:
        eventually(lambda: self.dispatcher.step() and self.runs.get(run_id).status.is_terminal, what="the end")
        return self.runs.get(run_id)

    def starts(self, run_id: str) -> int:
        path = self.home.run(run_id) / "starts"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def server(
    home: Home, runs: RunStore, datasets: DatasetStore, settings: AutoMLSettings, register: RegisterText
) -> Server:
    register("x,y\n1,a\n2,b\n")
    return Server(home, runs, datasets, settings)


def test_killed_at_any_point_it_trains_each_run_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    reaper = Reaper()
    for owner, name in _STEPS_OF_WORK:
        monkeypatch.setattr(owner, name, reaper.deadly(getattr(owner, name)))
    monkeypatch.setattr(ManagedProcess, "start", reaper.deadly(ManagedProcess.start))
    for point in range(100):
        reaper.aim(point)
        run_id = server.submit(f"key {point}")
        while not server.runs.get(run_id).status.is_terminal:
            try:
                server.dispatcher.step()
            except Killed:
                server.dispatcher = server.started()
            time.sleep(0.01)
        run = server.runs.get(run_id)
        assert (run.status, run.error, server.starts(run_id)) == (RunStatus.COMPLETED, "", 1), point
        assert run.properties["best_score"] == "0.9"
        if not reaper.has_killed:
            break
    assert 10 < point < 99, "the reaper reached too little, or the work has no end"


def test_a_job_that_ended_before_its_pid_was_noted_is_not_trained_again(server: Server) -> None:
    run_id, folder = server.begun("key")
    shutil.copy(server._result, folder / RESULT_FILE)
    assert server.until_ended(run_id).status is RunStatus.COMPLETED
    assert server.starts(run_id) == 0


def test_a_job_whose_pid_was_never_noted_counts_when_it_said_something(server: Server) -> None:
    run_id, folder = server.begun("key")
    (folder / EVENTS_FILE).write_text('{"event": "phase", "at": 1, "phase": "profile"}\n')
    assert server.until_ended(run_id).properties["starts"] == "2"


def test_what_is_forgotten_of_a_lost_job_goes_in_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (EVENTS_FILE, PID_FILE):
        (tmp_path / name).touch()
    unlink, gone = Path.unlink, []

    def killed_after_one(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        gone.append(path.name)
        raise Killed

    monkeypatch.setattr(Path, "unlink", killed_after_one)
    with suppress(Killed):
        forget_job(tmp_path)
    assert gone == [EVENTS_FILE]


def test_the_last_loss_is_told_with_how_many_there_were(server: Server) -> None:
    run_id, folder = server.begun("key", RunStatus.RUNNING)
    started_at = server.runs.get(run_id).started_at
    for _ in range(MOST_STARTS - 1):
        assert server.runs.start_again(run_id, MOST_STARTS)
    write_json(folder / PID_FILE, DEAD)
    run = server.until_ended(run_id)
    assert run.status is RunStatus.FAILED
    assert f"it was lost together with the server {MOST_STARTS} times; " in run.error
    assert run.started_at == started_at, "the first start stays the run's"
    assert server.starts(run_id) == 0


def test_the_time_limit_is_counted_from_the_last_start(server: Server) -> None:
    run_id, _ = server.begun("key", RunStatus.RUNNING)
    time.sleep(0.05)
    before = server.runs.progress(run_id).elapsed_seconds
    server.runs.start_again(run_id, MOST_STARTS)
    assert server.runs.progress(run_id).elapsed_seconds < before


def test_a_job_that_was_being_stopped_for_its_time_is_not_started_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, folder = server.begun("key", RunStatus.RUNNING)
    monkeypatch.setattr(job_module, "OVERRUN_SECONDS", -1e6)
    deaf = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", JOB_MODULE, str(folder)]
    process = ManagedProcess.start(deaf, folder / "logs" / "job.log", cwd=folder)
    write_json(folder / PID_FILE, process.identity)
    server.dispatcher.step()
    server.dispatcher.step()
    assert (folder / OVERRAN_FILE).exists()
    process.terminate(grace_seconds=0)
    eventually(lambda: not process.is_alive, what="the end of the process")
    server.dispatcher = server.started()
    run = server.until_ended(run_id)
    assert run.status is RunStatus.FAILED
    assert "it did not end by itself within experiment_timeout_minutes" in run.error
    assert server.starts(run_id) == 0
