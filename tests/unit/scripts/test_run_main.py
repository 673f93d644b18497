"""`make run` around the DAG run: what it says, what it leaves in `last_run.json`, and its exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from azureml_endpoint.errors import EndpointUnavailable
from scripts.run import __main__ as module
from scripts.run.data import RunData
from scripts.run.events import RunEnded
from scripts.run.layout import Layout
from scripts.run.local_server import LocalServer
from scripts.run.options import RunOptions
from scripts.run.progress import RunProgress

pytestmark = pytest.mark.unit


class FakeAirflow:
    """Stands for the child; what it would do is what `follow` gives."""

    def __init__(self, *_: object) -> None:
        self.plans: list[Any] = []
        self.where_to_look = "Log: somewhere"

    def give_plan(self, *plan: Any) -> None:
        self.plans.append(plan)

    def end(self) -> None:
        return None


class Stage:
    """A run whose parts are played: `run` is how the DAG run ends, `data` what it works on."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, run: RunProgress) -> None:
        self.layout = Layout(root)
        self.layout.last_run.parent.mkdir()
        self.run = run
        self.data = RunData("/data.csv", "data.csv")
        self.seen_while_running: bool | None = None
        self.sample_error: Exception | None = None
        self._out = io.StringIO()
        monkeypatch.setattr(module, "AirflowProcess", FakeAirflow)
        monkeypatch.setattr(module, "start_local_server", lambda _layout: LocalServer("http://127.0.0.1:1", "here"))
        monkeypatch.setattr(module, "obtain_data", lambda _layout, _options: self.data)
        monkeypatch.setattr(module, "follow", self._follow)
        monkeypatch.setattr(module, "write_sample_request", self._write_sample_request)

    def _follow(self, *_: object) -> RunProgress:
        self.seen_while_running = self.layout.last_run.exists()
        return self.run

    def _write_sample_request(self, _layout: Layout, _service: object) -> None:
        if self.sample_error is not None:
            raise self.sample_error

    def execute(self) -> int:
        return module.MakeRun(self.layout, RunOptions(), Console(file=self._out, width=200)).execute()

    @property
    def said(self) -> str:
        return self._out.getvalue()

    @property
    def state(self) -> str:
        return str(json.loads(self.layout.last_run.read_text())["state"])


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, successful_run: RunProgress) -> Stage:
    return Stage(tmp_path, monkeypatch, successful_run)


def test_success(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage.execute() == 0
    assert stage.state == "success"
    assert "curl -s http://127.0.0.1:8800/score" in capsys.readouterr().out


def test_the_last_result_is_gone_while_a_run_works(stage: Stage) -> None:
    stage.layout.last_run.write_text("{}")
    stage.execute()
    assert stage.seen_while_running is False


def test_a_run_that_breaks_leaves_no_result(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.layout.last_run.write_text("{}")

    def interrupted(_layout: Layout) -> LocalServer:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "start_local_server", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.execute()
    assert not stage.layout.last_run.exists()


def test_a_service_that_is_gone_at_the_end_is_a_failure_everywhere(stage: Stage) -> None:
    stage.sample_error = EndpointUnavailable("no connection")
    assert stage.execute() == 1
    assert stage.state == "failed"
    assert "The web service does not answer any more: no connection" in stage.said


@pytest.mark.parametrize(("state", "code"), [("failed", 1), ("canceled", 130)])
def test_other_ends(stage: Stage, state: str, code: int) -> None:
    stage.run = RunProgress()
    stage.run.apply(RunEnded(state=state))
    assert stage.execute() == code
    assert stage.state == state


def test_generated_data_is_said_loudly(stage: Stage) -> None:
    stage.data = RunData("/x.csv", "GENERATED DATA, NOT THE REAL DATA SET.", is_generated=True)
    stage.execute()
    before, _, after = stage.said.partition("best model")
    line = "data             GENERATED DATA, NOT THE REAL DATA SET."
    assert line in before
    assert line in after
