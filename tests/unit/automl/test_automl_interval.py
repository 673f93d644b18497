"""The interval of the primary metric."""

from __future__ import annotations

import numpy as np
import pytest

from azureml_local.automl.interval import metric_interval
from azureml_workspace.metrics.classification import classification_metrics

pytestmark = pytest.mark.unit


def _interval(rows: int, seed: int = 0) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    codes = np.arange(rows) % 2
    right = rng.random(rows) < 0.8
    probabilities = np.eye(2)[np.where(right, codes, 1 - codes)]
    found = metric_interval(codes, probabilities, "accuracy", classification_metrics(codes, probabilities), seed)
    assert found is not None
    return found


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    found = [_interval(500, seed) for seed in range(100)]
    assert sum(interval["low"] <= 0.8 <= interval["high"] for interval in found) >= 88


def test_more_rows_narrow_it() -> None:
    small, large = _interval(500), _interval(50_000)
    assert large["high"] - large["low"] < (small["high"] - small["low"]) / 3


def test_a_class_too_small_for_ten_parts_has_none() -> None:
    codes = np.array([0] * 400 + [1] * 49)
    assert metric_interval(codes, np.eye(2)[codes], "accuracy", {"accuracy": 1.0}, 0) is None
