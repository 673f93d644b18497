"""The child that runs the DAG: real Airflow, a DAG of fakes, events out."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.local_server import eventually

from scripts.run.airflow_process import AirflowProcess, RunFiles
from scripts.run.layout import Layout
from scripts.run.progress import RunProgress

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
RUN_SECONDS = 60.0

Start = Callable[..., "Started"]


class Started:
    """A child and what its events have said so far."""

    def __init__(self, layout: Layout, conf: dict[str, Any] | None) -> None:
        self.files = RunFiles.create(layout)
        self.files.events.unlink(missing_ok=True)  # two runs may begin within one second
        self.child = AirflowProcess(layout, self.files)
        self.run = RunProgress()
        if conf is not None:
            self.child.give_plan("http://127.0.0.1:1", {"data_path": "x.csv"} | conf)

    def look(self) -> RunProgress:
        for event in self.child.events():
            self.run.apply(event)
        return self.run

    def until(self, condition: Callable[[RunProgress], bool]) -> RunProgress:
        eventually(lambda: condition(self.look()), seconds=RUN_SECONDS, what=f"this, in {self.files.log}")
        return self.run

    def ended(self) -> RunProgress:
        return self.until(lambda run: run.state is not None)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A checkout of its own, so that the child finds the DAG of fakes and an Airflow home for itself."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "dags").mkdir()
    shutil.copy(Path(__file__).with_name("dag_of_fakes.py"), root / "dags" / "bank_marketing_train.py")
    return Layout(root)


@pytest.fixture
def start(layout: Layout) -> Iterator[Start]:
    started: list[Started] = []

    def begin(conf: dict[str, Any] | None) -> Started:
        started.append(Started(layout, conf))
        return started[-1]

    yield begin
    for each in started:
        each.child.kill()


def run_states(layout: Layout) -> dict[str, int]:
    with sqlite3.connect(layout.airflow_home / "airflow.db") as database:
        return dict(database.execute("select state, count(*) from dag_run group by state").fetchall())


def test_all_six_tasks(start: Start, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside another Airflow in the environment, and after a first migration that was interrupted."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://nobody@127.0.0.1:1/production")
    layout.migrated.unlink(missing_ok=True)
    layout.airflow_home.mkdir(parents=True, exist_ok=True)
    (layout.airflow_home / "airflow.db").write_bytes(b"half a database")
    run = start({}).ended()
    assert run.state == "success", run.error
    assert layout.migrated.exists()
    assert run.run_id is not None
    assert [task.state for task in run.tasks.values()] == ["done"] * 6
    assert run.tasks["deploy"].result == {"name": "deploy", "data": "x.csv"}
    assert all(task.seconds() is not None for task in run.tasks.values())


def test_a_retry_and_a_failure(start: Start) -> None:
    run = start({"flaky": "register_dataset", "fail": "deploy"}).ended()
    assert run.state == "failed"
    assert (run.tasks["register_dataset"].state, run.tasks["register_dataset"].tries) == ("done", 2)
    assert (run.tasks["deploy"].state, run.tasks["deploy"].error) == ("failed", "deploy cannot work")
    assert run.tasks["benchmark"].state == "not reached"


def test_cancelled_while_a_task_waits(start: Start, layout: Layout) -> None:
    started = start({"wait": "automl_run"})
    started.until(lambda run: run.tasks["automl_run"].state == "running")
    started.child.cancel()
    run = started.ended()
    assert run.state == "canceled"
    assert run.tasks["automl_run"].error == "told to stop"  # and no second try, although there is one
    assert run.tasks["automl_run"].tries == 1
    assert "running" not in run_states(layout)


def test_cancelled_before_there_is_a_plan(start: Start) -> None:
    started = start(None)
    started.until(lambda run: run.airflow_ready)
    started.child.cancel()
    assert started.ended().state == "canceled"


def test_a_run_that_was_killed_is_closed_by_the_next(start: Start, layout: Layout) -> None:
    killed = start({"wait": "register_dataset"})
    killed.until(lambda run: run.tasks["register_dataset"].state == "running")
    killed.child.kill()
    assert run_states(layout).get("running") == 1
    assert "killed by SIGKILL" in killed.child.end_reason
    start(None).until(lambda run: run.airflow_ready)
    assert "running" not in run_states(layout)


def test_it_ends_with_its_parent(start: Start) -> None:
    started = start({"wait": "register_dataset"})
    started.until(lambda run: run.tasks["register_dataset"].state == "running")
    started.child._stdin.close()  # what the kernel does for a parent that is killed
    assert started.ended().state == "canceled"
    eventually(lambda: not started.child.is_alive, what="its end")


def test_a_dag_that_cannot_be_loaded(start: Start, layout: Layout) -> None:
    file = layout.dags / "bank_marketing_train.py"
    good = file.read_text()
    try:
        file.write_text("import no_such_module\n")
        run = start({}).ended()
    finally:
        file.write_text(good)
    assert run.state == "failed"
    assert "no_such_module" in run.error


def test_the_plan_of_a_child_that_is_gone(start: Start) -> None:
    started = start(None)
    started.child.kill()
    started.child.give_plan("http://127.0.0.1:1", {})
    assert not started.child.is_alive
