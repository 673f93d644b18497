"""The dispatcher step by step, without its thread. Its jobs are real processes that do nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.local_server import eventually
from tests.unit.control_plane.conftest import RegisterText

from azureml_local.files import write_json
from azureml_local.jobs.dispatcher import JOB_MODULE, Dispatcher
from azureml_local.jobs.files import PID_FILE
from azureml_local.jobs.leftovers import make_temporary_folder, remove_leftovers, temporary_folder
from azureml_local.paths import Home
from azureml_local.processes import ManagedProcess, ProcessIdentity
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.runs import RunStore
from azureml_workspace.errors import StorageFull
from azureml_workspace.records import AutoMLSettings, ComputeTarget
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


def sleeping(run_dir: Path) -> list[str]:
    """Named like a real job in its command line, where a server looks for the jobs of an earlier one."""
    return ["sh", "-c", 'env > environment; touch "$TMPDIR/left"; sleep 60; :', JOB_MODULE, str(run_dir)]


@pytest.fixture
def make_dispatcher(home: Home, runs: RunStore, datasets: DatasetStore) -> Iterator[Any]:
    yield lambda: Dispatcher(home, runs, datasets, command=sleeping, cores=2)
    for path in home.runs.glob(f"*/{PID_FILE}"):
        identity = ProcessIdentity.read(path)
        if identity is not None:
            ManagedProcess(identity).terminate(grace_seconds=1)
        remove_leftovers(home, path.parent.name)


@pytest.fixture
def dispatcher(make_dispatcher: Any) -> Dispatcher:
    made: Dispatcher = make_dispatcher()
    return made


@pytest.fixture
def submitted(
    runs: RunStore, register: RegisterText, settings: AutoMLSettings, computes: Any, datasets: DatasetStore
) -> list[str]:
    """Two runs that may run at once."""
    computes.ensure(ComputeTarget(name="two", max_nodes=2))
    register("x,y\n1,a\n2,b\n")
    key = datasets.storage_key("people", 1)
    wanted = AutoMLSettings.from_dict({**settings.to_dict(), "compute_target": "two"})
    return [runs.submit(wanted, name, key)[0].run_id for name in ("first", "second")]


def pid_of(home: Home, run_id: str) -> ProcessIdentity:
    identity = ProcessIdentity.read(home.run(run_id) / PID_FILE)
    assert identity is not None
    return identity


def until_ended(dispatcher: Dispatcher, runs: RunStore, run_id: str) -> RunStatus:
    def look() -> bool:
        dispatcher.step()
        return runs.get(run_id).status.is_terminal

    eventually(look, what="the run's end")
    return runs.get(run_id).status


def test_a_job_is_ended_also_when_nothing_can_be_stored(
    home: Home, dispatcher: Dispatcher, runs: RunStore, submitted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher.step()
    runs.request_cancel(submitted[0])
    with monkeypatch.context() as full:
        for name in ("take_news", "advance", "finish"):
            full.setattr(runs, name, refuse)
        (home.run(submitted[0]) / "events.jsonl").write_text('{"event": "phase", "at": 1, "phase": "search"}\n')
        eventually(
            lambda: dispatcher.step() and not pid_of(home, submitted[0]).is_alive(), what="the end of the process"
        )
    assert until_ended(dispatcher, runs, submitted[0]) is RunStatus.CANCELED


def test_one_run_in_trouble_stops_no_other_and_is_logged_once(
    dispatcher: Dispatcher,
    runs: RunStore,
    submitted: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dispatcher.step()
    take_news = runs.take_news

    def refuse_the_first(run_id: str, news: Any) -> None:
        if run_id == submitted[0]:
            raise StorageFull("full")
        take_news(run_id, news)

    monkeypatch.setattr(runs, "take_news", refuse_the_first)
    for run_id in submitted:
        path = dispatcher._home.run(run_id) / "events.jsonl"
        path.write_text('{"event": "phase", "at": 1, "phase": "search"}\n')
    for _ in range(3):
        assert dispatcher.step() < 1, "one run's trouble makes the others wait"
    assert runs.progress(submitted[1]).phase == "search"
    assert caplog.text.count("StorageFull: full") == 1


def test_a_run_whose_failed_start_could_not_be_stored_is_started_again(
    home: Home, dispatcher: Dispatcher, runs: RunStore, submitted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(ManagedProcess, "start", refuse)
        full.setattr(runs, "finish", refuse)
        dispatcher.step()
    assert runs.get(submitted[0]).status is RunStatus.PREPARING
    eventually(lambda: dispatcher.step() and (home.run(submitted[0]) / PID_FILE).exists(), what="another start")
    assert pid_of(home, submitted[0]).is_alive()


def test_a_job_is_found_though_the_clock_was_set(
    home: Home, dispatcher: Dispatcher, make_dispatcher: Any, runs: RunStore, submitted: list[str]
) -> None:
    dispatcher.step()
    run_id = submitted[0]
    real = pid_of(home, run_id)
    before = ProcessIdentity(pid=real.pid, pid_started=real.pid_started - 3600)
    write_json(home.run(run_id) / PID_FILE, before)
    again: Dispatcher = make_dispatcher()
    again.step()
    again.step()
    assert not runs.get(run_id).status.is_terminal
    assert real.is_alive()
    runs.request_cancel(run_id)
    assert until_ended(again, runs, run_id) is RunStatus.CANCELED
    assert not real.is_alive()


def test_a_killed_job_leaves_no_temporary_files(
    home: Home, dispatcher: Dispatcher, runs: RunStore, submitted: list[str]
) -> None:
    dispatcher.step()
    run_id = submitted[0]
    folder = temporary_folder(home, run_id)
    eventually((folder / "left").exists, what="a temporary file")
    assert f"TMPDIR={folder}\n" in (home.run(run_id) / "environment").read_text()
    assert folder.stat().st_mode & 0o777 == 0o700
    (home.run(run_id) / ".tmp-job").mkdir()
    os.kill(pid_of(home, run_id).pid, 9)
    assert until_ended(dispatcher, runs, run_id) is RunStatus.FAILED
    assert not folder.exists()
    assert not (home.run(run_id) / ".tmp-job").exists()


@pytest.mark.parametrize("length", [10, 61, 62, 63, 200])
def test_a_socket_fits_into_the_temporary_folder(length: int) -> None:
    home = Home(Path("/" + "h" * (length - 1)))
    folder = temporary_folder(home, "AutoML_1")
    assert folder.is_relative_to(home.root) == (length <= 58)
    assert len(f"{folder}/pymp-abcdefgh/listener-abcdefgh") <= 107
    assert folder != temporary_folder(home, "AutoML_2")


def test_a_temporary_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    home = Home(tmp_path / ("h" * 90))
    folder = temporary_folder(home, "AutoML_1")
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(FileExistsError):
            make_temporary_folder(home, "AutoML_1")
        remove_leftovers(home, "AutoML_1")
        assert tmp_path.is_dir()
    finally:
        folder.unlink()


def refuse(*_: Any, **__: Any) -> None:
    raise StorageFull("full")
