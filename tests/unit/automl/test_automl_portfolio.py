"""The portfolio and the FLAML tuner."""

from __future__ import annotations

import pytest

from azureml_local.automl.catalog import ALLOWED_MODELS
from azureml_local.automl.portfolio import DataShape, portfolio
from azureml_local.automl.tuner import SPACES, Tuner

pytestmark = pytest.mark.unit

BANK = DataShape(rows=32_950, features=20, classes=2)


def test_large_data_starts_with_the_measured_recipe() -> None:
    found = portfolio(ALLOWED_MODELS, BANK, "AUC_weighted", quick_first=False)
    assert [candidate.algorithm for candidate in found] == [
        "LightGBM", "LightGBM", "GradientBoosting", "XGBoostClassifier",
    ]  # fmt: skip
    assert found[0].parameters["n_estimators"] == 400
    assert portfolio(ALLOWED_MODELS, BANK, "AUC_weighted", quick_first=True)[0] == found[1]


def test_small_data_gets_breadth_and_small_leaves() -> None:
    found = portfolio(ALLOWED_MODELS, DataShape(100, 5, 2), "AUC_weighted", quick_first=False)
    assert {candidate.algorithm for candidate in found} == set(ALLOWED_MODELS)
    assert found[0].parameters["min_child_samples"] == 3


def test_wide_data_starts_with_what_is_quick_and_samples_features() -> None:
    found = portfolio(ALLOWED_MODELS, DataShape(300, 3000, 2), "AUC_weighted", quick_first=False)
    assert found[0].algorithm == "LogisticRegression"
    boosted = {c.algorithm: c.parameters for c in found if c.algorithm in ("LightGBM", "GradientBoosting")}
    assert boosted["LightGBM"]["colsample_bytree"] == pytest.approx(0.067)
    assert boosted["GradientBoosting"]["max_features"] == pytest.approx(0.067)


def test_many_classes_mean_fewer_rounds() -> None:
    found = portfolio(("LightGBM",), DataShape(5000, 10, 8), "accuracy", quick_first=False)
    assert found[0].parameters["n_estimators"] == 200
    many = portfolio(ALLOWED_MODELS, DataShape(5000, 10, 100), "accuracy", quick_first=False)
    assert many[0].algorithm == "LogisticRegression"
    assert max(candidate.parameters.get("learning_rate", 0.0) for candidate in many) <= 0.1
    assert {c.parameters.get("max_leaf_nodes") for c in many if c.algorithm == "RandomForest"} == {40}
    assert found[0].parameters["learning_rate"] == pytest.approx(0.05)


def test_only_allowed_models_even_on_large_data() -> None:
    found = portfolio(("RandomForest",), BANK, "accuracy", quick_first=False)
    assert [candidate.algorithm for candidate in found] == ["RandomForest"]


def test_the_class_balanced_variants_lead_when_the_metric_counts_classes_alike() -> None:
    found = portfolio(("LightGBM",), BANK, "norm_macro_recall", quick_first=False)
    assert [str(candidate.parameters.get("class_weight")) for candidate in found] == ["balanced", "None"] * 2


@pytest.mark.parametrize("algorithm", ALLOWED_MODELS)
def test_flaml_asks_for_candidates_within_its_space(algorithm: str) -> None:
    start = portfolio((algorithm,), BANK, "accuracy", quick_first=False)[0]
    tuner = Tuner(start, 0.8, seed=1)
    for ticket in range(12):
        candidate = tuner.ask(ticket)
        assert candidate is not None
        assert candidate.algorithm == algorithm
        for name, domain in SPACES[algorithm].items():
            assert domain.lower <= candidate.parameters[name] <= domain.upper
            assert type(candidate.parameters[name]) in (int, float)
        tuner.tell(ticket, 0.8 + ticket / 1000 if ticket % 3 else None, 1.0)


def test_an_exhausted_space_ends_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    start = portfolio(("LogisticRegression",), BANK, "accuracy", quick_first=False)[0]
    tuner = Tuner(start, 0.8, seed=1)
    monkeypatch.setattr(tuner._search, "suggest", lambda _ticket: None)
    assert tuner.ask(1) is None
