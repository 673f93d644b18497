"""Metrics of many resamples at once against the metrics of each resample alone."""

from __future__ import annotations

import numpy as np
import pytest

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.metrics.classification import classification_metrics
from azureml_workspace.metrics.resampled import resampled_metric
from azureml_workspace.records import PRIMARY_METRICS

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("metric", PRIMARY_METRICS)
@pytest.mark.parametrize(("classes", "digits"), [(2, 1), (2, 9), (4, 1)])
def test_each_resample_has_the_metric_of_its_rows(metric: str, classes: int, digits: int) -> None:
    rng = np.random.default_rng(classes + digits)
    codes = rng.integers(0, classes, 60)
    odds = rng.random((60, classes)).round(digits) + 0.01 + 0.5 * (codes[:, None] == np.arange(classes))
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    drawn = rng.integers(0, 60, (25, 60))
    multiplicities = np.stack([np.bincount(rows, minlength=60) for rows in drawn]).astype(np.float64)
    expected = [classification_metrics(codes[rows], probabilities[rows])[metric] for rows in drawn]
    found = resampled_metric(metric, codes, probabilities, multiplicities)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", ["AUC_weighted", "average_precision_score_weighted"])
def test_a_resample_of_one_class_has_no_ranking(metric: str) -> None:
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    found = resampled_metric(metric, np.array([0, 1, 1]), probabilities, np.array([[0.0, 2.0, 1.0], [1.0, 1.0, 1.0]]))
    assert np.isnan(found[0])
    assert found[1] == 1.0


def test_a_resample_without_rows_has_no_accuracy() -> None:
    found = resampled_metric("accuracy", np.array([0]), np.array([[0.9, 0.1]]), np.array([[0.0], [2.0]]))
    assert np.isnan(found[0])
    assert found[1] == 1.0


def test_a_metric_that_is_no_primary_one_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'log_loss' cannot be resampled; choose one of AUC_weighted"):
        resampled_metric("log_loss", np.array([0]), np.array([[1.0, 0.0]]), np.ones((1, 1)))
