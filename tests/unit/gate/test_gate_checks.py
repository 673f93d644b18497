"""Each condition alone, at and around its limit."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_endpoint.smoke import Check as SmokeCheck
from azureml_endpoint.smoke import SmokeReport
from azureml_gate import checks
from azureml_gate.age import Age
from azureml_gate.figures import CohortFigures, Comparison, HoldoutFigures, LoadFigures, ModelFigures
from azureml_gate.settings import GateSettings

pytestmark = pytest.mark.unit


def compared(difference: float, low: float, high: float) -> Comparison:
    return Comparison(
        metric="AUC_weighted",
        challenger=0.9 + difference,
        champion=0.9,
        difference=difference,
        low=low,
        high=high,
        confidence=0.95,
        samples=1000,
    )


def load(*turns: float | None, failed: int = 0) -> LoadFigures:
    known = sorted(turn for turn in turns if turn is not None)
    middle = known[len(known) // 2] if known else None
    return LoadFigures(requests=100, failed=failed, p50_ms=middle, p95_ms=middle, p95_ms_by_turn=turns)


def figures(**given: Any) -> ModelFigures:
    return ModelFigures(name="m", version=1, service="svc-a", **given)


@pytest.mark.parametrize(
    ("rule", "difference", "low", "high", "outcome"),
    [
        ("not_worse", 0.0, -0.01, 0.01, "passed"),
        ("not_worse", 0.005, -0.011, 0.02, "failed"),
        ("not_worse", 0.0, 0.0, 0.0, "passed"),
        ("better", 0.01, 0.001, 0.02, "passed"),
        ("better", 0.0, 0.0, 0.0, "failed"),
        ("better", 0.01, -0.001, 0.02, "failed"),
        ("point", -0.01, -0.2, 0.2, "passed"),
        ("point", -0.011, -0.2, 0.2, "failed"),
    ],
)
def test_metric(rule: Any, difference: float, low: float, high: float, outcome: str) -> None:
    check = checks.metric(compared(difference, low, high), 100, GateSettings(rule=rule))
    assert check.outcome == outcome
    assert f"rule {rule}" in check.detail


@pytest.mark.parametrize(
    ("age", "difference", "high", "outcome"),
    [
        (Age.NEWER, 0.0, 0.0, "passed"),
        (Age.NEWER, -0.005, 0.001, "passed"),
        (Age.SAME, 0.0, 0.0, "failed"),
        (Age.SAME, 0.002, 0.009, "failed"),
        (Age.SAME, -0.001, 0.05, "failed"),
        (Age.SAME, 0.02, 0.04, "passed"),
        (Age.OLDER, 0.0, 0.0, "failed"),
        (Age.OLDER, 0.02, 0.04, "passed"),
    ],
)
def test_gain(age: Age, difference: float, high: float, outcome: str) -> None:
    assert checks.gain(compared(difference, -0.005, high), age, GateSettings()).outcome == outcome


@pytest.mark.parametrize(
    ("challenger", "champion", "outcome"),
    [
        (load(1, 1, 1, 1, 1), load(1, 1, 1, 1, 1), "passed"),
        (load(5, 5, 5, 5, 5), load(1, 1, 1, 1, 1), "passed"),
        (load(31, 31, 31, 31, 31), load(15, 15, 15, 15, 15), "failed"),
        (load(30, 30, 30, 30, 30), load(15, 15, 15, 15, 15), "passed"),
        (load(90, 90, 90, 15, 15), load(15, 15, 15, 15, 15), "passed"),
        (load(90, 90, 90, 90, 15), load(15, 15, 15, 15, 15), "failed"),
        (load(90, 90, 90, 90, 90), load(15, 15, 15, 80, 80), "passed"),
    ],
)
def test_latency_ratio(challenger: LoadFigures, champion: LoadFigures, outcome: str) -> None:
    check = checks.latency_ratio(challenger, champion, GateSettings())
    assert check is not None
    assert check.outcome == outcome


def test_no_ratio_without_a_limit_or_answers() -> None:
    assert checks.latency_ratio(load(9), load(1), GateSettings(max_p95_ratio=None)) is None
    assert checks.latency_ratio(load(None), load(1), GateSettings()) is None
    assert checks.latency_ratio(load(1), load(None), GateSettings()) is None


def test_latency() -> None:
    limited = GateSettings(max_p95_ms=10)
    for observed, outcome in ((10.0, "passed"), (10.1, "failed"), (None, "failed")):
        check = checks.latency(load(observed), limited)
        assert check is not None
        assert check.outcome == outcome
    assert checks.latency(load(1e9), GateSettings()) is None


@pytest.mark.parametrize(
    ("failed", "of_champion", "allowed", "outcome"),
    [(0, 0, 0.0, "passed"), (1, 0, 0.0, "failed"), (1, 1, 0.0, "passed"), (5, None, 0.05, "passed")],
)
def test_errors(failed: int, of_champion: int | None, allowed: float, outcome: str) -> None:
    champion = None if of_champion is None else load(1, failed=of_champion)
    check = checks.errors(load(1, failed=failed), champion, GateSettings(max_error_rate=allowed))
    assert check.outcome == outcome


def test_a_load_without_requests_has_failed_altogether() -> None:
    assert LoadFigures(requests=0, failed=0, p50_ms=None, p95_ms=None).error_rate == 1.0


@pytest.mark.parametrize(
    ("refused", "by_champion", "allowed", "outcome"),
    [(0, 0, 0.0, "passed"), (2, 1, 0.0, "failed"), (2, 2, 0.0, "passed"), (2, None, 0.02, "passed")],
)
def test_rows_taken(refused: int, by_champion: int | None, allowed: float, outcome: str) -> None:
    champion = None if by_champion is None else figures(refused_rows=by_champion)
    settings = GateSettings(max_error_rate=allowed)
    check = checks.rows_taken(figures(refused_rows=refused, refusals=("row 3, why",)), champion, 100, settings)
    assert check.outcome == outcome
    assert ("row 3, why" in check.detail) == (outcome == "failed")


def test_holdout_size() -> None:
    enough = HoldoutFigures(rows=100, compared=50, class_counts={"no": 25, "yes": 25})
    few = HoldoutFigures(rows=100, compared=49, class_counts={"no": 25, "yes": 24})
    one_class = HoldoutFigures(rows=100, compared=60, class_counts={"no": 60})
    settings = GateSettings()
    assert checks.holdout_size(enough, settings, is_needed=True).outcome == "passed"
    assert checks.holdout_size(few, settings, is_needed=True).outcome == "failed"
    assert checks.holdout_size(few, settings, is_needed=False).outcome == "warning"
    assert checks.holdout_size(one_class, settings, is_needed=True).outcome == "failed"


def test_contract() -> None:
    problems = ("it needs 'income', which the champion's clients do not send",)
    assert checks.contract((), GateSettings()).outcome == "passed"
    assert checks.contract(problems, GateSettings()).outcome == "failed"
    assert checks.contract(problems, GateSettings(allow_contract_change=True)).outcome == "warning"


def test_cohorts() -> None:
    def cohort(*, worse: bool) -> CohortFigures:
        return CohortFigures(
            column="region",
            cohort="north",
            rows=40,
            metric="accuracy",
            challenger=0.5,
            champion=0.9,
            difference=-0.4,
            low=-0.6,
            high=-0.2 if worse else 0.1,
            is_worse=worse,
        )

    assert checks.cohorts((), GateSettings()).outcome == "warning"
    assert checks.cohorts((cohort(worse=False),), GateSettings()).outcome == "passed"
    failed = checks.cohorts((cohort(worse=True),), GateSettings())
    assert (failed.outcome, failed.observed, failed.limit) == ("failed", -0.4, -0.05)
    assert "region = north with 40 rows" in failed.detail


def test_floor() -> None:
    assert checks.floor("accuracy", 0.1, GateSettings()) is None
    for value, outcome in ((0.8, "passed"), (0.79, "failed")):
        check = checks.floor("accuracy", value, GateSettings(min_metric=0.8))
        assert check is not None
        assert check.outcome == outcome


def test_smoke() -> None:
    def report(*passed: bool) -> SmokeReport:
        found = tuple(SmokeCheck(name=f"c{place}", passed=it, detail="seen") for place, it in enumerate(passed))
        return SmokeReport(labels=(), latency_ms=1, checks=found, scored=1, passed=all(passed), unavailable=False)

    assert checks.smoke(report(True, True)).outcome == "passed"
    assert checks.smoke(report(True, False)).detail == "The candidate fails 1 of 2 smoke checks: c1 (seen)."
