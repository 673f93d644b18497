"""Weights of rows by their class."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from azureml_local.automl.row_weights import Weighing, weighing, weighing_findings

pytestmark = pytest.mark.unit

CODES = np.array([0] * 8 + [1] * 2)


def test_balanced_is_scikit_learns_formula() -> None:
    assert Weighing().of_rows(CODES) == pytest.approx(compute_sample_weight("balanced", CODES))


def test_of_given_weights_only_the_ratios_count() -> None:
    one, other = (Weighing(weights, ("no", "yes")).of_rows(CODES) for weights in ((1.0, 4.0), (10.0, 40.0)))
    assert one == pytest.approx(other)
    assert one[-1] / one[0] == pytest.approx(4)
    assert one.mean() == pytest.approx(1)


def test_a_label_that_is_not_named_weighs_1() -> None:
    assert weighing({"yes": 3}, ["no", "yes"]) == Weighing((1.0, 3.0), ("no", "yes"))
    assert weighing("balanced", ["no", "yes"]) == Weighing()
    assert weighing("none", ["no", "yes"]) is None


def test_the_finding_names_the_first_ten_classes() -> None:
    names = [f"class {number}" for number in range(12)]
    found = weighing_findings(Weighing(), np.arange(12), names, "y")[0]
    assert "'class 0' 1, " in found.message
    assert "'class 9' 1 and 2 more in learning" in found.message
    assert found.columns == ("y",)
    assert weighing_findings(None, CODES, ["no", "yes"], "y") == []


def test_as_a_parameter_of_a_child_run_it_stays_short() -> None:
    assert str(Weighing()) == "balanced"
    names = tuple(f"{number}" for number in range(12))
    assert str(Weighing((1.0,) * 12, names)).endswith("9=1, ...")
