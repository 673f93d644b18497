"""A run in the Airflow that is up, told in the events that the displays know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable
from scripts.run import running_airflow as module
from scripts.run.events import AutoMLSubmitted, Event, RunEnded, TaskFailed, TaskStarted, TaskSucceeded
from scripts.run.layout import Layout
from scripts.run.progress import RunProgress
from scripts.run.running_airflow import RunningAirflow

pytestmark = pytest.mark.unit

START, END = "2026-11-21T06:00:00+00:00", "2026-11-21T06:00:10+00:00"


class FakeApi:
    """The REST API with a run whose states the test sets."""

    url = "http://airflow"

    def __init__(self) -> None:
        self.paused = False
        self.others = 0
        self.state = "running"
        self.tasks: dict[str, tuple[str, int]] = {}
        self.xcom: dict[tuple[str, str], Any] = {}
        self.refusal: Exception | None = None
        self.away = self.deleted = False
        self.patched: list[dict[str, Any]] = []

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        if self.away:
            raise ServiceUnavailable("away")
        if self.deleted:
            raise NotFound("no such run")
        *_, kind, last = path.split("/")
        if kind == "dags":
            return {"is_paused": self.paused}
        if last == "dagRuns":
            return {"total_entries": self.others}
        if last == "taskInstances":
            return {"task_instances": [self._task(*item) for item in self.tasks.items()]}
        if kind == "xcomEntries":
            task = path.split("/")[6]
            if (task, last) not in self.xcom:
                raise NotFound("no such XCom")
            return {"value": self.xcom[task, last]}
        if kind == "logs":
            details = [{"exc_type": "RunFailed", "exc_value": "the disk is full"}]
            return {"content": [{"event": "x"}, {"event": "failed", "error_detail": details}]}
        return {"state": self.state}

    def start_run(self, _dag_id: str, _conf: dict[str, Any]) -> str:
        if self.refusal:
            raise self.refusal
        return "r1"

    def patch(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.patched.append(body)
        self.state = "failed"
        return {}

    def _task(self, name: str, state: tuple[str, int]) -> dict[str, Any]:
        ended = state[0] in {"success", "failed", "up_for_retry"}
        return {
            "task_id": name,
            "dag_id": "d",
            "dag_run_id": "r1",
            "state": state[0],
            "try_number": state[1],
            "start_date": START if state[0] != "scheduled" else None,
            "end_date": END if ended else None,
        }


class FakeWorkspace:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def automl_progress(self, _run_id: str) -> Any:
        raise ServiceUnavailable("away for a moment")

    def cancel_run(self, run_id: str) -> None:
        self.cancelled.append(run_id)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    fake = FakeWorkspace()
    monkeypatch.setattr(module, "open_workspace", lambda _settings: fake)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    return fake


@pytest.fixture
def airflow(api: FakeApi, workspace: FakeWorkspace, tmp_path: Path) -> RunningAirflow:
    made = RunningAirflow(Layout(tmp_path), api)  # type: ignore[arg-type]
    made.give_plan("http://azureml", {"label": "y"})
    made.events()
    return made


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_run_from_its_start_to_its_end(api: FakeApi, airflow: RunningAirflow) -> None:
    run = RunProgress()
    api.tasks = {"register_dataset": ("scheduled", 0)}
    assert airflow.events() == []
    api.tasks = {"register_dataset": ("running", 1)}
    first = airflow.events()
    assert kinds(first) == ["RunStarted", "TaskStarted"]
    assert airflow.events() == [], "nothing is told twice"
    api.tasks = {"register_dataset": ("success", 1), "automl_run": ("deferred", 1)}
    api.xcom = {("register_dataset", "return_value"): {"name": "n"}, ("automl_run", "azureml_run"): {"run_id": "A1"}}
    second = airflow.events()
    assert {TaskSucceeded, TaskStarted, AutoMLSubmitted} == {type(event) for event in second}
    api.tasks["automl_run"], api.state = ("success", 1), "success"
    third = airflow.events()
    for event in [*first, *second, *third]:
        run.apply(event)
    assert (run.run_id, run.state, run.automl_run_id) == ("r1", "success", "A1")
    assert run.tasks["register_dataset"].result == {"name": "n"}
    assert run.tasks["register_dataset"].seconds() == 10
    assert not airflow.is_alive


def test_a_run_that_somebody_deletes_ends(api: FakeApi, airflow: RunningAirflow) -> None:
    api.deleted = True
    (ended,) = airflow.events()
    assert isinstance(ended, RunEnded)
    assert (ended.state, ended.error) == ("failed", "The DAG run r1 was deleted in Airflow.")
    assert not airflow.is_alive


def test_a_task_that_ended_between_two_looks_is_told_whole(api: FakeApi, airflow: RunningAirflow) -> None:
    api.tasks, api.state = {"deploy": ("success", 1)}, "success"
    assert kinds(airflow.events()) == ["RunStarted", "TaskStarted", "TaskSucceeded", "RunEnded"]


def test_failures_come_with_the_reason_out_of_the_log(api: FakeApi, airflow: RunningAirflow) -> None:
    api.tasks = {"deploy": ("up_for_retry", 1)}
    failed = airflow.events()[-1]
    assert isinstance(failed, TaskFailed)
    assert (failed.error, failed.will_retry) == ("the disk is full", True)
    api.tasks, api.state = {"deploy": ("failed", 2), "benchmark": ("upstream_failed", 0)}, "failed"
    again = airflow.events()
    assert kinds(again) == ["TaskStarted", "TaskFailed", "RunEnded"]
    assert isinstance(again[1], TaskFailed)
    assert not again[1].will_retry


def test_a_refused_run_ends_with_the_refusal(api: FakeApi, workspace: FakeWorkspace, tmp_path: Path) -> None:
    api.refusal = InvalidRequest("Airflow answered 400: label is too long")
    airflow = RunningAirflow(Layout(tmp_path), api)  # type: ignore[arg-type]
    airflow.give_plan("http://azureml", {})
    ended = airflow.events()[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.state, ended.error) == ("failed", "Airflow answered 400: label is too long")


def test_cancelling_marks_the_run_and_cancels_what_it_asked_for(
    api: FakeApi, airflow: RunningAirflow, workspace: FakeWorkspace
) -> None:
    api.tasks, api.xcom = {"automl_run": ("deferred", 1)}, {("automl_run", "azureml_run"): {"run_id": "A1"}}
    airflow.events()
    airflow.cancel()
    assert api.patched == [{"state": "failed"}]
    assert workspace.cancelled == ["A1"]
    api.tasks = {"automl_run": ("failed", 1)}
    failed, ended = airflow.events()
    assert isinstance(failed, TaskFailed)
    assert failed.error == "canceled"
    assert isinstance(ended, RunEnded)
    assert ended.state == "canceled"


def test_an_api_server_that_is_away_is_waited_for(
    api: FakeApi, airflow: RunningAirflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.away = True
    assert airflow.events() == []
    assert airflow.is_alive
    monkeypatch.setattr(module, "OUTAGE_SECONDS", 0)
    assert not airflow.is_alive
    assert "http://airflow does not answer any more" in airflow.end_reason


def test_what_would_wait_for_ever_is_refused_and_a_queue_is_said(api: FakeApi, airflow: RunningAirflow) -> None:
    assert airflow.require_startable() == "http://airflow, which is up"
    api.others = 1
    assert "waits its turn" in airflow.require_startable()
    api.paused = True
    with pytest.raises(InvalidRequest, match="is paused; switch it on at http://airflow/dags/"):
        airflow.require_startable()
