import pytest
from benchmarks.make_run.suite import STEPS, RunFailed, TimedRun, report, step_seconds
from benchmarks.service.measure import Series
from benchmarks.service.suite import goals, insights_cost

from azureml_endpoint._plan import Outcome, Plan, Tally
from azureml_endpoint.load import LoadReport, summarize

pytestmark = pytest.mark.unit


def stress(answered: int = 20_000, failed: int = 0, stopped: str = "") -> LoadReport:
    tally = Tally(target=answered + failed, failed=failed)
    tally.latencies_ms.extend([1.0] * answered)
    tally.seconds = 1.0
    plan = Plan(
        scoring_uri="http://127.0.0.1:1/score", key=None, body=b"", requests=20_000, concurrency=16, warmup=0,
        timeout=1, time_limit=1, keep_alive=True, traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )  # fmt: skip
    return summarize(plan, Outcome(warmup=Tally(), measured=tally, connections=16, stopped=stopped))


def series(cpu_ms: float, p50_ms: float = 0.5, rate: float = 1000.0, failed: int = 0) -> Series:
    return Series(cpu_ms=[cpu_ms] * 3, p50_ms=[p50_ms] * 3, requests_per_second=[rate] * 3, failed=failed)


def test_all_goals_pass_within_their_limits() -> None:
    found = goals(series(1.0, 0.999), series(20.0), stress(), (130, 120), series(1, rate=1000), series(1, rate=951))
    assert [goal.passed for goal in found] == [True] * 6


def test_each_goal_fails_beyond_its_limit() -> None:
    off, on = series(1, rate=1000), series(1, rate=949, failed=1)
    found = goals(series(1.0, 1.0), series(19.9), stress(19_999, 1), (100, 131), off, on)
    assert [goal.passed for goal in found] == [False] * 6


def test_a_stress_test_that_ended_early_does_not_pass() -> None:
    found = goals(series(1), series(99), stress(500, 0, "the time limit"), (1, 1), series(1), series(1))
    assert not found[2].passed
    assert "500 answered, 0 failed, the time limit" in found[2].observed


def test_the_cost_of_insights_is_taken_pair_by_pair() -> None:
    off, on = Series(requests_per_second=[100.0, 200.0]), Series(requests_per_second=[90.0, 190.0])
    assert insights_cost(off, on).values == pytest.approx((10, 5))


def last_run(**changes: object) -> dict[str, object]:
    seconds = dict.fromkeys(STEPS, 2.0) | {"automl_run": 60.0, "total": 70.0}
    return {"state": "success", "seconds": seconds} | changes


def test_seconds_that_are_not_automl_count_from_the_whole_command() -> None:
    made = report([TimedRun(90.0, step_seconds(last_run())), TimedRun(84.0, step_seconds(last_run()))], "c")
    whole, other = made.goals
    assert (whole.passed, other.passed) == (True, False)
    assert other.observed.startswith("27.0 (24.0 to 30.0")


@pytest.mark.parametrize(
    ("broken", "words"), [({"state": "failed"}, "'failed'"), ({"seconds": {"total": 1}}, "register_dataset")]
)
def test_a_run_that_did_not_succeed_is_not_a_measurement(broken: dict[str, object], words: str) -> None:
    with pytest.raises(RunFailed, match=words):
        step_seconds(last_run(**broken))
