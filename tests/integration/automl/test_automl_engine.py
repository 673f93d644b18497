"""Whole runs of the engine on small data, with real worker processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.automl_data import LABEL, customers, schema_of, settings_for

from azureml_local.automl import building, engine, onnx_export, search
from azureml_local.automl.budget import Budget
from azureml_local.automl.engine import FittedAutoML
from azureml_local.automl.onnx_export import ExportError
from azureml_local.automl.search import SearchFailed
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.integration

QUICK = ("DecisionTree", "LogisticRegression")


def run(
    frame: pd.DataFrame, output_dir: Path | None = None, *, budget: Budget | None = None, **changes: object
) -> tuple[FittedAutoML, list[dict[str, Any]]]:
    """A run on two cores, and its events."""
    events: list[dict[str, Any]] = []
    settings = settings_for(**{"allowed_models": QUICK, "iterations": 2, **changes})
    fitted = engine.run(
        frame, schema_of(frame), settings, 2, events.append, output_dir, run_id="AutoML_1", budget=budget
    )
    return fitted, events


def trials(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trial events, by iteration."""
    return sorted((event for event in events if event["event"] == "trial"), key=lambda event: event["iteration"])


def test_three_classes_with_odd_column_names_and_every_algorithm(tmp_path: Path) -> None:
    frame = customers(rows=240, classes=3).rename(
        columns={"age": 'a.g e "[{', "balance": "<script>alert(1)</script>", "job": "jöb,:日本\t"}
    )
    frame.loc[:9, "jöb,:日本\t"] = None
    fitted, events = run(frame, tmp_path, allowed_models=(), iterations=8, n_cross_validations=2)
    tried = {event["algorithm"] for event in trials(events) if event["status"] == "Completed"}
    assert {"LightGBM", "XGBoostClassifier", "GradientBoosting", "RandomForest", "LogisticRegression"} <= tried
    assert fitted.result.classes == ("maybe", "no", "yes")
    assert fitted.result.metrics["AUC_weighted"] > 0.8
    assert set(fitted.result.feature_importance) == set(frame.columns) - {LABEL}
    assert (fitted.model.predict(frame.drop(columns=LABEL)) == frame[LABEL]).mean() > 0.7
    assert not [finding for finding in fitted.result.findings if finding.guard == "onnx_export"]


def test_the_phases_come_in_order_and_the_ensemble_is_the_last_child() -> None:
    models = ("GradientBoosting", "LogisticRegression", "RandomForest")
    frame = customers(rows=300, classes=3)
    frame[LABEL] = np.where((frame["age"] > 50) ^ (frame["balance"] > 1100), frame[LABEL], "never")
    fitted, events = run(frame, allowed_models=models, iterations=3)
    phases = [event["phase"] for event in events if event["event"] == "phase"]
    assert phases == ["profile", "guard", "search", "ensemble", "refit", "export", "evaluate", "explain", "finalize"]
    children = trials(events)
    assert [child["iteration"] for child in children] == list(range(len(children)))
    assert children[-1]["algorithm"] == "VotingEnsemble"
    assert len(children[-1]["parameters"]) >= 2
    assert sum(float(weight) for weight in children[-1]["parameters"].values()) == pytest.approx(1.0, abs=0.02)
    assert fitted.result.child_runs == len(children)
    best = max(children, key=lambda child: (child["score"], child["iteration"]))
    assert fitted.result.best_child_run_id == f"AutoML_1_{best['iteration']}"
    assert fitted.result.metrics == best["metrics"]
    described = "5-fold cross-validation, out of fold, 300 rows"
    weights = "; ensemble weights cross-fitted" if best["algorithm"] == "VotingEnsemble" else ""
    assert fitted.result.validation == f"{described}{weights}; model chosen by these rows, refitted on all"


def test_the_same_seed_gives_the_same_model() -> None:
    frame = customers(rows=200)
    models = ("LightGBM", "GradientBoosting", "XGBoostClassifier")
    one, other = (run(frame, allowed_models=models, iterations=4)[0] for _ in range(2))
    features = frame.drop(columns=LABEL)
    assert (one.model.predict_proba(features) == other.model.predict_proba(features)).all()
    assert one.result.metrics == other.result.metrics


@pytest.mark.parametrize("iterations", [1, 3])
def test_iterations_bound_the_trials(iterations: int) -> None:
    fitted, events = run(customers(rows=150), allowed_models=("DecisionTree",), iterations=iterations)
    done = [event for event in trials(events) if event["algorithm"] != "VotingEnsemble"]
    assert len(done) == iterations
    assert {event["algorithm"] for event in done} == {"DecisionTree"}
    if iterations == 1:
        assert fitted.result.best_algorithm == "DecisionTree"
        assert fitted.result.child_runs == 1


def test_blocked_models_are_not_tried() -> None:
    boosted = ("LightGBM", "XGBoostClassifier", "GradientBoosting", "RandomForest", "ExtremeRandomTrees")
    _, events = run(customers(rows=150), allowed_models=(), blocked_models=boosted, iterations=4)
    assert {event["algorithm"] for event in trials(events)} <= {"LogisticRegression", "DecisionTree", "VotingEnsemble"}


def test_the_exit_score_ends_the_search() -> None:
    _, events = run(
        customers(rows=150),
        iterations=None,
        experiment_exit_score=0.5,
        max_concurrent_iterations=1,
        allowed_models=QUICK,
    )
    assert len([event for event in trials(events) if event["algorithm"] != "VotingEnsemble"]) == 1


def test_early_stopping_ends_the_search_when_nothing_improves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MIN_GAIN", 1.0)
    _, events = run(customers(rows=150), iterations=None, allowed_models=("DecisionTree",), max_concurrent_iterations=1)
    assert len([event for event in trials(events) if event["algorithm"] == "DecisionTree"]) == 1 + 4


def test_only_the_best_trials_keep_their_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_KEPT", 2)
    fitted, events = run(customers(rows=150), iterations=6, enable_early_stopping=False)
    children = trials(events)
    best = sorted((c["score"] for c in children if c["algorithm"] != "VotingEnsemble"), reverse=True)
    assert fitted.result.metrics["AUC_weighted"] >= best[0]
    ensemble = children[-1]["parameters"] if children[-1]["algorithm"] == "VotingEnsemble" else {}
    scores = {f"{c['algorithm']} (child {c['iteration']})": c["score"] for c in children}
    assert all(scores[name] >= best[1] for name in ensemble)


def test_without_early_stopping_only_iterations_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MIN_GAIN", 1.0)
    _, events = run(customers(rows=150), iterations=9, allowed_models=("DecisionTree",), enable_early_stopping=False)
    assert len([event for event in trials(events) if event["algorithm"] == "DecisionTree"]) == 9


def test_a_spent_time_limit_still_gives_a_model_and_says_so() -> None:
    fitted, events = run(customers(rows=150), iterations=None, budget=Budget(0.01), allowed_models=())
    assert fitted.result.metrics["AUC_weighted"] > 0.7
    assert [f.guard for f in fitted.result.findings if f.guard == "time_limit"] == ["time_limit"]
    assert len([event for event in trials(events) if event["status"] == "Completed"]) <= 3


def test_no_model_within_the_limit_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "GRACE_SECONDS", 0.0)
    with pytest.raises(SearchFailed, match="no trial ended within experiment_timeout_minutes = 1; give more time"):
        run(customers(rows=150), budget=Budget(0.01))


def _broken(*_: object) -> None:
    raise MemoryError("no room for the histogram")


def test_failing_trials_are_child_runs_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "evaluate", _broken)
    events: list[dict[str, Any]] = []
    frame = customers(rows=150)
    settings = settings_for(allowed_models=QUICK, iterations=2)
    with pytest.raises(SearchFailed, match="every trial failed; the first says: MemoryError: no room"):
        engine.run(frame, schema_of(frame), settings, 2, events.append)
    assert [(event["status"], event["score"]) for event in trials(events)] == [("Failed", None)] * 2
    assert "no room" in trials(events)[0]["error"]


def test_three_thousand_columns_of_a_few_hundred_rows() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3000)), columns=[f"gene {i}" for i in range(3000)])
    frame[LABEL] = np.where(frame["gene 7"] + 0.3 * rng.normal(size=200) > 0, 1, 0)
    fitted, _ = run(frame, n_cross_validations=2)
    assert fitted.result.metrics["AUC_weighted"] > 0.7
    assert next(iter(fitted.result.feature_importance)) == "gene 7"
    assert set(fitted.model.predict(frame)) == {0, 1}


@pytest.mark.parametrize("metric", ["accuracy", "norm_macro_recall", "average_precision_score_weighted"])
def test_each_primary_metric_is_the_score(metric: str) -> None:
    frame = customers(rows=200)
    fitted, events = run(frame, primary_metric=metric, iterations=None if metric == "norm_macro_recall" else 2)
    assert fitted.result.primary_metric == metric
    for event in trials(events):
        assert event["score"] == event["metrics"][metric]
    if metric == "norm_macro_recall":
        assert any(event["parameters"].get("class_weight") == "balanced" for event in trials(events))


def test_a_holdout_is_reported_as_one() -> None:
    fitted, _ = run(customers(rows=200), validation_size=0.25)
    assert fitted.result.validation.startswith("stratified 25% holdout, 50 of 200 rows")


def test_bad_data_is_refused_before_any_work() -> None:
    with pytest.raises(InvalidRequest, match="one class only"):
        run(customers(rows=100).assign(bought="no"))


def test_members_that_cannot_be_exported_are_replaced_by_the_next_best(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    convert = onnx_export.convert_member

    def only_trees(estimator: Any, *rest: Any) -> Any:
        if "Tree" not in type(estimator).__name__:
            raise ExportError("no converter")
        return convert(estimator, *rest)

    monkeypatch.setattr(building, "convert_member", only_trees)
    models = ("LightGBM", "LogisticRegression", "DecisionTree")
    fitted, events = run(customers(rows=300), tmp_path, allowed_models=models, iterations=6)
    result, children = fitted.result, trials(events)
    assert {type(member).__name__ for member, _ in fitted.model.members} == {"DecisionTreeClassifier"}
    left_out = [finding.message for finding in result.findings if finding.guard == "onnx_export"]
    assert any("no converter" in message and "LightGBM (child" in message for message in left_out)
    best = next(child for child in children if result.best_child_run_id == f"AutoML_1_{child['iteration']}")
    assert best["metrics"] == result.metrics
    assert best["algorithm"] == result.best_algorithm
    assert len({child["iteration"] for child in children}) == len(children) == result.child_runs
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["metrics"] == result.metrics
    assert [child["metrics"] for child in written["children"]] == [child["metrics"] for child in children]
    assert all("LightGBM" not in name for child in children for name in child["parameters"] if "child" in name)


def test_a_run_without_any_exportable_trial_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise ExportError("no converter")

    monkeypatch.setattr(building, "convert_member", never)
    with pytest.raises(ExportError, match=r"no trial can be exported.*DecisionTree \(child \d\): no converter"):
        run(customers(rows=150))
