"""Following the Airflow child: how it ends, and how it is made to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, Self

import pytest

from azureml_workspace.settings import WorkspaceSettings
from scripts.run import follow as module
from scripts.run.events import AutoMLSubmitted, Event, RunEnded, TaskStarted
from scripts.run.follow import Interrupts, follow
from scripts.run.progress import RunProgress

pytestmark = pytest.mark.unit

SETTINGS = WorkspaceSettings(url="http://127.0.0.1:1")


class FakeChild:
    """Plays a list of looks; at each, what it does and which events it gives."""

    end_reason = "the Airflow process was killed by SIGKILL"

    def __init__(self, *looks: Callable[[], list[Event]]) -> None:
        self._looks = list(looks)
        self.is_alive = True
        self.calls: list[str] = []

    def events(self) -> list[Event]:
        return self._looks.pop(0)() if self._looks else []

    def cancel(self) -> None:
        self.calls.append("cancel")

    def kill(self) -> None:
        self.calls.append("kill")

    def die(self) -> list[Event]:
        self.is_alive = False
        return []


class FakeDisplay:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.updates = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, message: str) -> None:
        self.said.append(message)

    def update(self, run: RunProgress) -> None:
        self.updates += 1


class FakeWorkspace:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def cancel_run(self, run_id: str) -> None:
        self.cancelled.append(run_id)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    fake = FakeWorkspace()
    monkeypatch.setattr(module, "open_workspace", lambda _settings: fake)
    return fake


def watch(child: Any, display: FakeDisplay) -> RunProgress:
    return follow(child, display, SETTINGS)


def interrupt() -> list[Event]:
    os.kill(os.getpid(), signal.SIGINT)
    return []


def waiting_for_automl() -> list[Event]:
    return [TaskStarted(task_id="automl_run", try_number=1), AutoMLSubmitted(run_id="AutoML_1")]


def test_to_its_end() -> None:
    display = FakeDisplay()
    child = FakeChild(list, lambda: [RunEnded(state="success")])
    assert watch(child, display).state == "success"
    assert child.calls == []
    assert display.updates >= 2


def test_a_child_that_dies_is_a_failure_and_its_automl_run_is_cancelled(workspace: FakeWorkspace) -> None:
    child = FakeChild(waiting_for_automl)
    child._looks.append(child.die)
    run = watch(child, FakeDisplay())
    assert (run.state, run.error) == ("failed", "the Airflow process was killed by SIGKILL")
    assert workspace.cancelled == ["AutoML_1"]


def test_last_words_of_a_child_that_is_gone_count() -> None:
    child = FakeChild(lambda: [RunEnded(state="success")])
    child.is_alive = False
    assert watch(child, FakeDisplay()).state == "success"


def test_an_interrupt_cancels_in_good_order(workspace: FakeWorkspace) -> None:
    display = FakeDisplay()
    child = FakeChild(waiting_for_automl, interrupt, list, lambda: [RunEnded(state="canceled")])
    assert watch(child, display).state == "canceled"
    assert child.calls == ["cancel"]
    assert "Cancelling" in display.said[0]
    assert workspace.cancelled == []  # the child did that


def test_a_second_interrupt_kills(workspace: FakeWorkspace) -> None:
    child = FakeChild(waiting_for_automl, interrupt, interrupt)
    assert watch(child, FakeDisplay()).state == "canceled"
    assert child.calls == ["cancel", "kill"]
    assert workspace.cancelled == ["AutoML_1"]


def test_the_end_of_the_grace_kills(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CANCEL_GRACE_SECONDS", -1.0)
    child = FakeChild(waiting_for_automl, interrupt)
    assert watch(child, FakeDisplay()).state == "canceled"
    assert child.calls == ["cancel", "kill"]


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.count == 1
    assert signal.getsignal(signal.SIGINT) is before
