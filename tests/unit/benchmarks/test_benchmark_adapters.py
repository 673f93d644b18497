from __future__ import annotations

import pytest
from benchmarks.adapters.suite import BACKENDS, Taken, report

pytestmark = pytest.mark.unit


def taken(**changes: float | bool | None) -> Taken:
    return Taken(**({"own": 200.0, "helper": 0.0, "poll": 2.0, "imports_sdk": False} | changes))  # type: ignore[arg-type]


def rounds(count: int, **azure: float | bool) -> list[dict[str, Taken]]:
    bare = {backend: taken() for backend in BACKENDS}
    return [bare | {"none": taken(poll=None), "azure_v1": taken(**azure)} for _ in range(count)]


def test_memory_of_both_processes_counts_above_what_a_task_has_anyway() -> None:
    made = report(rounds(5, own=260.0, helper=180.0, poll=3.0), "c")
    assert made.passed
    assert made.complete
    assert made.goals[2].observed.startswith("240 (240 to 240")


@pytest.mark.parametrize(
    ("azure", "passed"),
    [
        ({"poll": 20.5}, [False, True, True]),
        ({"imports_sdk": True}, [True, False, True]),
        ({"own": 320.0, "helper": 181.0}, [True, True, False]),
    ],
)
def test_each_goal_fails_beyond_its_limit(azure: dict[str, float], passed: list[bool]) -> None:
    assert [goal.passed for goal in report(rounds(5, **azure), "c").goals] == passed


def test_few_rounds_are_not_kept() -> None:
    assert not report(rounds(4), "c").complete
