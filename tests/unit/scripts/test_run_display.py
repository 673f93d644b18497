"""What a person sees while it runs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.spinner import Spinner

from azureml_workspace.records import AutoMLProgress
from scripts.run.display import LiveDisplay, PlainDisplay, make_display, task_table
from scripts.run.events import AutoMLAdvanced, Event, RunEnded, TaskFailed, TaskStarted
from scripts.run.outcomes import automl_line, outcome
from scripts.run.progress import RunProgress

pytestmark = pytest.mark.unit


MakeProgress = Callable[..., AutoMLProgress]


def shown(run: RunProgress) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(task_table(run, Spinner("dots")))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_table_of_a_finished_run(successful_run: RunProgress) -> None:
    lines = shown(successful_run).splitlines()
    assert len(lines) == 6
    assert all(line.startswith("✔") and "2.0 s" in line for line in lines)
    assert "bank-marketing version 1: 32,950 rows, 21 columns (new version)" in lines[0]
    assert "VotingEnsemble, AUC_weighted 0.9509, of 8 child runs; model bank-marketing version 3" in lines[1]
    assert "Healthy at http://127.0.0.1:8800/score" in lines[2]
    assert "labels no, yes; 1 of 1 checks passed" in lines[4]
    assert "2,000 requests, 0 failed, 4 at once: p50 0.50 ms, 6,636 requests/s" in lines[5]


def test_table_while_automl_works(make_progress: MakeProgress) -> None:
    run = RunProgress()
    run.apply(TaskStarted(at=time.time(), task_id="automl_run", try_number=1))
    run.apply(AutoMLAdvanced(progress=make_progress().to_dict()))
    assert "search: 3 trials, best 0.9499 (LightGBM), 40 s left at most" in shown(run)


def test_table_of_a_failure() -> None:
    run = RunProgress()
    run.apply(TaskStarted(at=1.0, task_id="deploy", try_number=1))
    run.apply(TaskFailed(at=2.0, task_id="deploy", error="no [free] port", will_retry=True))
    assert "no [free] port (Airflow tries again)" in shown(run)
    run.apply(RunEnded(at=3.0, state="failed"))
    assert "✘  deploy" in shown(run)


def test_plain_lines_say_each_thing_once(successful_events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay(time.monotonic())
    run = RunProgress()
    with display:
        for event in successful_events:
            run.apply(event)
            display.update(run)
            display.update(run)
    lines = capsys.readouterr().out.splitlines()
    assert sum("running" in line for line in lines) == 6
    assert sum("done in 2.0 s" in line for line in lines) == 6
    assert sum("best 0.9499 (LightGBM)" in line for line in lines) == 1
    assert len(lines) == 13


def test_plain_failure_tells_why_and_not_what_never_ran(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay(time.monotonic())
    run = RunProgress()
    run.apply(TaskStarted(at=1.0, task_id="register_dataset", try_number=1))
    run.apply(TaskFailed(at=2.0, task_id="register_dataset", error="no such file", will_retry=False))
    run.apply(RunEnded(at=3.0, state="failed"))
    display.update(run)
    assert [line.split("  ")[-1].strip() for line in capsys.readouterr().out.splitlines()] == ["FAILED: no such file"]


def test_failed_trials_are_not_hidden(make_progress: MakeProgress) -> None:
    assert automl_line(make_progress(trials_failed=2)) == (
        "search: 3 trials (2 failed), best 0.9499 (LightGBM), 40 s left at most"
    )
    assert (
        automl_line(make_progress(best_score=None, phase="guard", trials_done=0))
        == "guard: 0 trials, 40 s left at most"
    )


def test_a_task_without_a_known_result_has_no_line() -> None:
    assert outcome("compare_champion", {"winner": "challenger"}) == ""


@pytest.mark.parametrize(("terminal", "kind"), [(True, LiveDisplay), (False, PlainDisplay)])
def test_the_live_table_is_for_terminals(terminal: bool, kind: type) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ={"TERM": "xterm-256color"})
    assert isinstance(make_display(console, 0.0), kind)
