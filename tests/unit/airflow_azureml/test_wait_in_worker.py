"""How often a task that waits in its worker asks the workspace."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext, progress

from airflow_azureml._waiting import Patience, wait_until
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from azureml_workspace.errors import Throttled
from azureml_workspace.records import AutoMLProgress
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


def wait(clock: list[float], ends_at: float, *, poll: float = 2.0) -> list[float]:
    """When it looked at what is done after so many seconds."""
    looks: list[float] = []

    def look() -> bool:
        looks.append(clock[0])
        return clock[0] >= ends_at

    patience = Patience(poll=poll, deadline=2 * ends_at + 60, outage=0)
    wait_until(look, bool, what="it", patience=patience, log=logging.getLogger())  # type: ignore[arg-type]
    return looks


@pytest.mark.parametrize(("ends_at", "most_looks"), [(1, 2), (5, 4), (60, 30), (600, 60), (36000, 1300)])
def test_a_wait_is_noticed_within_a_tenth_of_its_time_and_costs_little(
    clock: list[float], ends_at: float, most_looks: int
) -> None:
    looks = wait(clock, ends_at)
    assert looks[0] == 0
    assert 2 <= looks[1] <= 2.2
    assert looks[-1] - ends_at <= min(max(2.2, 0.11 * ends_at), 33)
    assert len(looks) <= most_looks


def test_the_pause_that_was_asked_for_is_the_shortest(clock: list[float]) -> None:
    assert min(after - before for before, after in pairwise(wait(clock, 1000, poll=90))) >= 90


def test_throttling_is_obeyed(clock: list[float]) -> None:
    answers: list[Any] = [Throttled("slow down", 17.0), True]

    def look() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    patience = Patience(poll=2, deadline=100, outage=60)
    wait_until(look, bool, what="it", patience=patience, log=logging.getLogger())  # type: ignore[arg-type]
    assert clock == [17.0]


def test_how_far_a_run_is_costs_requests_only_now_and_then(
    workspace: FakeWorkspace, context: TaskContext, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    details: list[float] = []

    def look() -> None:
        looks.append(clock[0])
        workspace.statuses = [RunStatus.COMPLETED if clock[0] >= 100 else RunStatus.RUNNING]

    def detail(_run_id: str) -> AutoMLProgress:
        details.append(clock[0])
        return replace(progress(1), elapsed_seconds=clock[0])

    workspace.on_get_run = look
    monkeypatch.setattr(workspace, "automl_progress", detail)
    operator = AzureMLAutoMLRunOperator(
        task_id="automl_run",
        dataset={"name": "bank", "version": 2, "fingerprint": "sha256:00"},
        label_column_name="y",
        experiment_name="bank-exp",
        experiment_timeout_minutes=60,
    )
    operator.execute(context)  # type: ignore[arg-type]
    assert details[0] == looks[0]
    assert all(after - before >= min(0.2 * after, 20) for before, after in pairwise(details))
    assert max(after - before for before, after in pairwise(details)) < 35
    assert 5 <= len(details) <= 0.75 * len(looks)
    assert details[-1] < 100, "what has ended is told in the result"
