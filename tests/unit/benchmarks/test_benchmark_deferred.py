from __future__ import annotations

import pytest
from benchmarks.deferred.suite import Measured, Window, report

pytestmark = pytest.mark.unit


def window(share: float, seconds: float = 60.0) -> Window:
    return Window(name="w", seconds=seconds, share=share, memory=80, processes=2, busy=0.5)


def test_the_dearest_time_counts_and_the_idle_triggerer_does_not() -> None:
    measured = Measured(waits=50, idle=window(0.02), waiting=(window(0.03), window(0.069), window(0.04)), running=0)
    made = report(measured, "c")
    assert made.passed
    assert made.complete
    assert made.goals[1].observed == "4.9% of a core"


def test_each_goal_fails_beyond_its_limit() -> None:
    measured = Measured(waits=50, idle=window(0.0), waiting=(window(0.03), window(0.05)), running=1)
    assert [goal.passed for goal in report(measured, "c").goals] == [False, False]


@pytest.mark.parametrize(("waits", "seconds"), [(49, 60.0), (50, 20.0)])
def test_a_smaller_measurement_is_not_kept(waits: int, seconds: float) -> None:
    idle = window(0.0, seconds)
    assert not report(Measured(waits=waits, idle=idle, waiting=(idle,), running=0), "c").complete
