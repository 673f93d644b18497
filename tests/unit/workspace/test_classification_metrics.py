"""Azure's metrics against scikit-learn and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics as sk

from azureml_workspace.metrics.classification import binary_auc, classification_metrics
from azureml_workspace.records import PRIMARY_METRICS

pytestmark = pytest.mark.unit


def _predictions(classes: int, rows: int = 400) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(classes)
    codes = rng.choice(classes, rows, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    odds = rng.random((rows, classes)).round(2) + 0.05 + 0.7 * (codes[:, None] == np.arange(classes))
    return codes, odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_against_scikit_learn(classes: int) -> None:
    codes, probabilities = _predictions(classes)
    truth = np.eye(classes)[codes]
    predicted = probabilities.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(codes, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(codes, predicted),
        "log_loss": sk.log_loss(codes, probabilities),
        "matthews_correlation": sk.matthews_corrcoef(codes, predicted),
        "weighted_accuracy": sk.accuracy_score(codes, predicted, sample_weight=np.bincount(codes)[codes]),
    }
    for average in ("macro", "micro", "weighted"):
        expected[f"AUC_{average}"] = sk.roc_auc_score(truth, probabilities, average=average)
        expected[f"average_precision_score_{average}"] = sk.average_precision_score(
            truth, probabilities, average=average
        )
        expected[f"f1_score_{average}"] = sk.f1_score(codes, predicted, average=average)
        expected[f"precision_score_{average}"] = sk.precision_score(codes, predicted, average=average)
        expected[f"recall_score_{average}"] = sk.recall_score(codes, predicted, average=average)
    recall = sk.recall_score(codes, predicted, average="macro")
    expected["norm_macro_recall"] = (recall - 1 / classes) / (1 - 1 / classes)
    if classes == 2:
        expected["AUC_binary"] = sk.roc_auc_score(codes, probabilities[:, 1])
        expected["average_precision_score_binary"] = sk.average_precision_score(codes, probabilities[:, 1])
        expected["f1_score_binary"] = sk.f1_score(codes, predicted)
        expected["precision_score_binary"] = sk.precision_score(codes, predicted)
        expected["recall_score_binary"] = sk.recall_score(codes, predicted)
    found = classification_metrics(codes, probabilities)
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-9)
    assert set(PRIMARY_METRICS) <= found.keys()


def test_by_hand() -> None:
    # Eight rows of class 0, all found; two rows of class 1, one found.
    codes = np.array([0] * 8 + [1, 1])
    probabilities = np.array([[0.9, 0.1]] * 8 + [[0.2, 0.8], [0.6, 0.4]])
    found = classification_metrics(codes, probabilities)
    assert found["accuracy"] == pytest.approx(0.9)
    assert found["norm_macro_recall"] == pytest.approx((0.75 - 0.5) / 0.5)
    assert found["weighted_accuracy"] == pytest.approx((8 * 8 + 2 * 1) / (8 * 8 + 2 * 2))
    assert found["AUC_weighted"] == pytest.approx(1.0)
    assert found["log_loss"] == pytest.approx(-(8 * np.log(0.9) + np.log(0.8) + np.log(0.4)) / 10)


def test_guessing_has_no_recall_above_chance() -> None:
    codes = np.array([0, 1, 2] * 10)
    found = classification_metrics(codes, np.tile([0.5, 0.3, 0.2], (30, 1)))
    assert found["norm_macro_recall"] == pytest.approx(0.0)
    assert found["AUC_weighted"] == pytest.approx(0.5)
    assert found["matthews_correlation"] == 0.0
    assert found["precision_score_macro"] == pytest.approx(1 / 9)


def test_a_sure_mistake_has_a_finite_log_loss() -> None:
    found = classification_metrics(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert found["log_loss"] == pytest.approx(-np.log(1e-15) / 2)


def test_auc_of_ties_is_a_half() -> None:
    assert binary_auc(np.array([True, False]), np.array([0.3, 0.3])) == 0.5
    assert np.isnan(binary_auc(np.array([True, True]), np.array([0.3, 0.4])))
    assert np.isnan(binary_auc(np.array([], dtype=bool), np.array([])))
