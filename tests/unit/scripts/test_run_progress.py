"""How the run stands, from its events."""

from __future__ import annotations

import pytest

from scripts.run.events import Event, RunEnded, TaskFailed, TaskStarted
from scripts.run.progress import TASKS, RunProgress

pytestmark = pytest.mark.unit


def test_a_successful_run(successful_run: RunProgress) -> None:
    assert successful_run.state == "success"
    assert successful_run.run_id == "manual__1"
    assert [task.state for task in successful_run.tasks.values()] == ["done"] * 6
    assert [task.seconds() for task in successful_run.tasks.values()] == [2.0] * 6
    assert successful_run.automl is not None
    assert successful_run.automl.seconds_left == 40.0


def test_a_retry_keeps_the_first_start(successful_events: list[Event]) -> None:
    run = RunProgress()
    run.apply(TaskStarted(at=10.0, task_id="deploy", try_number=1))
    run.apply(TaskFailed(at=11.0, task_id="deploy", error="no free port", will_retry=True))
    task = run.tasks["deploy"]
    assert (task.state, task.error, task.ended) == ("retrying", "no free port", None)
    run.apply(TaskStarted(at=21.0, task_id="deploy", try_number=2))
    run.apply(TaskFailed(at=22.0, task_id="deploy", error="no free port", will_retry=False))
    assert (task.state, task.tries, task.seconds()) == ("failed", 2, 12.0)
    assert run.failed_tasks() == [task]


@pytest.mark.parametrize(("state", "error"), [("canceled", "canceled"), ("failed", "ended with the run")])
def test_a_run_that_ends_in_the_middle_of_a_task(state: str, error: str) -> None:
    run = RunProgress()
    run.apply(TaskStarted(at=10.0, task_id="register_dataset", try_number=1))
    run.apply(RunEnded(at=15.0, state=state))
    assert run.tasks["register_dataset"].error == error
    assert run.tasks["register_dataset"].seconds() == 5.0
    assert [run.tasks[name].state for name in TASKS] == ["failed"] + ["not reached"] * 5


def test_a_task_this_does_not_know_is_shown_too() -> None:
    run = RunProgress()
    run.apply(TaskStarted(at=10.0, task_id="compare_champion", try_number=1))
    assert run.tasks["compare_champion"].state == "running"
