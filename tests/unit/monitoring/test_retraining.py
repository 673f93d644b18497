"""A new training is asked for once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from tests.unit.gate.memory_workspace import MemoryWorkspace

from azureml_monitoring.retraining import Retraining, RetrainingPlan, ask_for_retraining, retraining_path
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PLAN = RetrainingPlan(dag_id="train", conf={"force": True}, cooldown_hours=24)


def ask(workspace: MemoryWorkspace, *, by: str = "monitor/1", now: datetime = NOW) -> Retraining:
    return ask_for_retraining(cast("Workspace", workspace), "svc", PLAN, reason="drift", by=by, now=now)


def test_the_first_is_asked_for() -> None:
    workspace = MemoryWorkspace()
    asked = ask(workspace)
    assert (asked.is_asked, asked.dag_id, asked.run_id) == (True, "train", "monitor__svc__20261127T120000Z")
    stored = workspace.read_document(retraining_path("svc")).content
    assert Retraining.from_dict(stored) == asked


def test_a_retry_gets_the_same_run() -> None:
    workspace = MemoryWorkspace()
    assert ask(workspace, now=NOW + timedelta(minutes=3)) == ask(workspace)
    later = ask(workspace, now=NOW + timedelta(hours=30))
    assert later.run_id == "monitor__svc__20261127T120300Z"


@pytest.mark.parametrize(("hours", "is_asked"), [(0, False), (23.9, False), (24, True), (240, True)])
def test_another_waits_for_the_cool_down(hours: float, is_asked: bool) -> None:
    workspace = MemoryWorkspace()
    first = ask(workspace)
    other = ask(workspace, by="monitor/2", now=NOW + timedelta(hours=hours))
    assert other.is_asked is is_asked
    assert (other.run_id == first.run_id) is not is_asked
    assert ("cool-down is 24 hours" in other.reason) is not is_asked


def test_whoever_names_nobody_is_no_retry_of_another_nobody() -> None:
    workspace = MemoryWorkspace()
    assert ask(workspace, by="").is_asked
    assert not ask(workspace, by="").is_asked


def test_of_two_at_a_time_one_gets_it() -> None:
    workspace = MemoryWorkspace()
    others: list[Retraining] = []

    def other_first(path: str) -> None:
        workspace.before_write = lambda _path: None
        others.append(ask(workspace, by="monitor/2", now=NOW + timedelta(seconds=1)))

    workspace.before_write = cast("Any", other_first)
    mine = ask(workspace)
    assert [mine.is_asked, others[0].is_asked] == [False, True]
