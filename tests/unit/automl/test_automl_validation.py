"""Which rows validate."""

from __future__ import annotations

import numpy as np
import pytest
from tests.automl_data import settings_for

from azureml_local.automl.guard import validation_findings
from azureml_local.automl.validation import plan_validation

pytestmark = pytest.mark.unit


def _codes(*sizes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.repeat(np.arange(len(sizes)), sizes)


def test_five_folds_by_default_each_with_every_class() -> None:
    codes = _codes(200, 50)
    plan = plan_validation(codes, 10, settings_for(), cores=2)
    assert plan.description == "5-fold cross-validation, out of fold, 250 rows"
    assert plan.folds == 5
    assert len(plan.validated_rows) == 250
    for fold in range(5):
        learned, validated = plan.split(fold)
        assert sorted([*learned, *validated]) == list(range(250))
        assert np.bincount(codes[validated]).tolist() == [40, 10]


def test_large_data_for_the_time_gets_a_holdout() -> None:
    codes = _codes(60_000, 40_000)
    settings = settings_for(experiment_timeout_minutes=1.0)
    plan = plan_validation(codes, 20, settings, cores=2)
    assert plan.description == "stratified 20% holdout, 20,000 of 100,000 rows"
    assert plan.folds == 1
    learned, validated = plan.split(0)
    assert len(validated) == 20_000
    assert not set(learned) & set(validated)
    more_time = plan_validation(codes, 20, settings_for(experiment_timeout_minutes=2.0), cores=2)
    assert more_time.folds == 5


def test_what_was_asked_for_is_done() -> None:
    codes = _codes(100, 100)
    assert plan_validation(codes, 5, settings_for(n_cross_validations=3), cores=1).folds == 3
    plan = plan_validation(codes, 5, settings_for(validation_size=0.3), cores=1)
    assert (plan.folds, len(plan.validated_rows)) == (1, 60)


def test_a_small_class_means_fewer_folds_and_the_text_says_so() -> None:
    plan = plan_validation(_codes(97, 3), 5, settings_for(), cores=1)
    assert plan.folds == 3
    assert "5 folds wanted, but the smallest class has 3 rows" in plan.description
    (finding,) = validation_findings(plan)
    assert (finding.guard, finding.severity) == ("validation_changed", "info")
    assert "5 folds wanted" in finding.message


def test_a_holdout_without_every_class_becomes_a_cross_validation() -> None:
    plan = plan_validation(_codes(97, 3), 5, settings_for(validation_size=0.1), cores=1)
    assert plan.folds == 3
    assert "a 10% holdout was wanted, but the smallest class has 3 rows" in plan.description
    assert "10% holdout" in validation_findings(plan)[0].message


def test_a_validation_as_wanted_is_no_finding() -> None:
    assert validation_findings(plan_validation(_codes(90, 10), 5, settings_for(validation_size=0.1), cores=1)) == []


def test_the_halves_of_a_holdout_have_every_class() -> None:
    codes = _codes(900, 100)
    plan = plan_validation(codes, 5, settings_for(validation_size=0.2), cores=1)
    scored = codes[plan.validated_rows]
    parts = plan.weighting_parts(scored, seed=0)
    assert [np.bincount(scored[parts == part]).tolist() for part in (0, 1)] == [[90, 10], [90, 10]]
    folds = plan_validation(codes, 5, settings_for(n_cross_validations=4), cores=1)
    assert (folds.weighting_parts(codes, seed=0) == folds.fold_of_row).all()


def test_the_seed_decides() -> None:
    codes = _codes(100, 100)
    one, same, other = (plan_validation(codes, 5, settings_for(seed=seed), cores=1) for seed in (1, 1, 2))
    assert (one.fold_of_row == same.fold_of_row).all()
    assert (one.fold_of_row != other.fold_of_row).any()
