"""Evaluation, cohorts and explanation."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from tests.automl_data import customers, prepared

from azureml_local.automl.budget import Budget
from azureml_local.automl.cohorts import cohort_metrics
from azureml_local.automl.evaluation import MAX_POINTS, evaluate_predictions
from azureml_local.automl.explanation import explain
from azureml_local.automl.leakage import column_signals
from azureml_local.automl.learners import Candidate, FitOptions, fit
from azureml_local.automl.model import VotingModel
from azureml_local.automl.prepare import PreparedData

pytestmark = pytest.mark.unit


def test_curves_are_thin_and_still_true() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 20_000)
    second = np.clip(0.3 * codes + rng.random(20_000) * 0.7, 0, 1)
    found = evaluate_predictions(codes, np.column_stack([1 - second, second]), ("no", "yes"), "somehow")
    assert np.sum(found["confusion_matrix"]) == 20_000
    roc = found["roc"]["yes"]
    assert len(roc["threshold"]) <= MAX_POINTS
    assert (roc["false_positive_rate"][0], roc["true_positive_rate"][-1]) == (0.0, 1.0)
    area = np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"])
    assert area == pytest.approx(roc_auc_score(codes, second), abs=2e-3)
    curve = found["precision_recall"]["yes"]
    assert len(curve["precision"]) == len(curve["recall"]) == len(curve["threshold"]) <= MAX_POINTS
    assert sum(point["rows"] for point in found["calibration"]["yes"]) == 20_000
    json.dumps(found, allow_nan=False)


def test_the_confusion_matrix_has_true_classes_in_rows() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.1, 0.9, 0.0]])
    found = evaluate_predictions(np.array([0, 0, 2]), probabilities, ("a", "b", "c"), "")
    assert found["confusion_matrix"] == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert found["roc"]["b"] == {}


def _cohorts(data: PreparedData, wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    predicted = np.where(wrong, 1 - data.codes, data.codes)
    probabilities = np.eye(2)[predicted]
    return cohort_metrics(data, np.arange(len(predicted)), probabilities, [column.name for column in data.inputs])


def test_the_weakest_cohort_comes_first_and_the_error_tree_finds_it() -> None:
    frame = customers(rows=600)
    frame["old"] = frame["age"] > 60
    data = prepared(frame)
    found = _cohorts(data, ((frame["job"] == "nurse") & (np.arange(600) % 4 > 0)).to_numpy())
    first = found["cohorts"][0]
    assert (first["column"], first["cohort"]) == ("job", "nurse")
    nurses = (frame["job"] == "nurse").to_numpy()
    assert first["rows"] == nurses.sum()
    assert first["accuracy"] == pytest.approx((np.arange(600)[nurses] % 4 == 0).mean())
    assert "job in {nurse" in " and ".join(found["error_tree"][0]["conditions"])
    highs = [cohort["accuracy_high"] for cohort in found["cohorts"]]
    assert highs == sorted(highs)
    assert all(c["accuracy_low"] <= c["accuracy"] <= c["accuracy_high"] for c in found["cohorts"])
    assert {cohort["column"] for cohort in found["cohorts"]} == {"age", "balance", "job", "old"}
    msgspec.json.encode(found)


def test_a_large_weak_cohort_comes_before_a_small_one_that_is_weaker_by_chance() -> None:
    frame = customers(rows=2000)
    frame["job"] = np.where(np.arange(2000) < 30, "pilot", np.where(np.arange(2000) < 1000, "nurse", "clerk"))
    wrong = np.zeros(2000, dtype=bool)
    wrong[:12] = True  # 18 of 30 pilots are right, 60 %, and 630 of 970 nurses, 65 %
    wrong[30:370] = True
    found = [cohort for cohort in _cohorts(prepared(frame), wrong)["cohorts"] if cohort["column"] == "job"]
    assert [cohort["cohort"] for cohort in found] == ["nurse", "pilot", "clerk"]
    # Wilson's interval of 18 of 30 is [0.423, 0.754].
    assert (found[1]["accuracy_low"], found[1]["accuracy_high"]) == pytest.approx((0.4232, 0.7541), abs=1e-4)


def test_the_error_tree_is_measured_on_rows_that_did_not_grow_it() -> None:
    data = prepared(customers(rows=4000))
    leaves = _cohorts(data, np.random.default_rng(0).random(4000) < 0.2)["error_tree"]
    assert sum(leaf["rows"] for leaf in leaves) == 2000
    # Errors at random: grown and measured on the same rows, the worst leaf would look far worse than the rest.
    assert all(leaf["error_low"] <= 0.2 <= leaf["error_high"] for leaf in leaves)


def test_small_cohorts_are_left_out_and_missing_values_are_one() -> None:
    frame = customers(rows=400)
    frame.loc[:49, "balance"] = np.nan
    frame.loc[50:59, "job"] = "astronaut"
    found = _cohorts(prepared(frame), np.zeros(400, dtype=bool))
    names = {(cohort["column"], cohort["cohort"]) for cohort in found["cohorts"]}
    assert ("job", "astronaut") not in names
    assert ("balance", "(missing)") in names
    assert found["error_tree"] == []
    ages = [cohort for cohort in found["cohorts"] if cohort["column"] == "age"]
    assert sum(cohort["rows"] for cohort in ages) >= 380


def test_dates_are_cohorts_by_year() -> None:
    frame = customers(rows=300)
    frame["since"] = pd.to_datetime(["2023-05-01", "2024-06-02", "2024-07-03"] * 100)
    found = _cohorts(prepared(frame), np.zeros(300, dtype=bool))
    assert {c["cohort"]: c["rows"] for c in found["cohorts"] if c["column"] == "since"} == {
        "year 2023": 100, "year 2024": 200,
    }  # fmt: skip


def _model(data: PreparedData, algorithm: str, **parameters: object) -> VotingModel:
    member = fit(Candidate(algorithm, parameters), data.matrix, data.codes, FitOptions(threads=1, seed=0))
    return VotingModel(
        spec=data.spec, members=[(member, 1.0)], classes=data.classes, label_kind="string", tie_step=1e-5
    )


@pytest.mark.parametrize(
    ("algorithm", "parameters", "method"),
    [
        ("LightGBM", {"n_estimators": 30}, "SHAP"),
        ("XGBoostClassifier", {"n_estimators": 30}, "SHAP"),
        ("GradientBoosting", {"max_iter": 30}, "permutation"),
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_columns_that_matter_come_first(
    algorithm: str, parameters: dict[str, object], method: str, classes: int
) -> None:
    frame = customers(rows=400, classes=classes)
    frame["noise"] = np.random.default_rng(5).normal(size=400)
    data = prepared(frame)
    found = explain(_model(data, algorithm, **parameters), data, column_signals(data, 0), 0, Budget(60))
    assert method in found["method"]
    assert list(found["raw"])[-1] == "noise"
    assert sum(found["raw"].values()) == pytest.approx(1.0)
    assert "training rows" in found["method"]
    if method == "SHAP":
        assert sum(found["engineered"].values()) == pytest.approx(1.0)
    else:
        assert found["engineered"] == {}


def test_raw_importance_is_the_sum_over_the_features_of_a_column() -> None:
    frame = customers(rows=400)
    frame.loc[::7, "balance"] = np.nan
    data = prepared(frame)
    found = explain(_model(data, "LightGBM", n_estimators=30), data, [], 0, Budget(60))
    parts = found["engineered"]["balance"] + found["engineered"]["balance (is missing)"]
    assert found["raw"]["balance"] == pytest.approx(parts)


def test_a_spent_budget_still_gives_an_explanation_and_says_what_it_covers() -> None:
    data = prepared(customers(rows=400))
    model = _model(data, "DecisionTree", max_depth=4)
    found = explain(model, data, column_signals(data, 0), 0, Budget(0.0))
    assert "only the 1 of 3 columns" in found["method"]


def test_features_of_one_column_are_permuted_together() -> None:
    rng = np.random.default_rng(0)
    frame = customers(rows=600)
    frame["income"] = rng.normal(size=600)
    frame.loc[rng.random(600) < 0.5, "income"] = np.nan
    frame["bought"] = np.where(frame["income"].isna(), "no", np.where(frame["income"] > 0, "yes", "no"))
    data = prepared(frame)
    model = _model(data, "DecisionTree", max_depth=3)
    permuted: list[Any] = []
    probabilities = model.probabilities

    def seen(matrix: Any) -> Any:
        permuted.append(matrix)
        return probabilities(matrix)

    model.probabilities = seen  # type: ignore[method-assign]
    explain(model, data, [], 0, Budget(60))
    names = [feature.name for feature in data.spec.features]
    pair = [names.index("income"), names.index("income (is missing)")]
    known = {tuple(row) for row in data.matrix[:, pair].tolist()}
    assert any((matrix[:, pair] != permuted[0][:, pair]).any() for matrix in permuted)
    assert all({tuple(row) for row in matrix[:, pair].tolist()} <= known for matrix in permuted)


def test_a_model_that_uses_nothing_has_no_importance() -> None:
    data = prepared(customers(rows=400))
    found = explain(_model(data, "DecisionTree", min_samples_leaf=300), data, [], 0, Budget(60))
    assert found["raw"] == {"age": 0.0, "balance": 0.0, "job": 0.0}
