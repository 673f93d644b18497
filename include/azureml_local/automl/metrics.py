"""Azure AutoML's classification metrics, under Azure's names.

Formulas: https://learn.microsoft.com/azure/machine-learning/how-to-understand-automated-ml (classification metrics).
With two classes `macro`, `micro` and `weighted` average over both of them, as Azure does; the `_binary` metrics, and
only those, take the second class as the positive one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, confusion_matrix

Probabilities = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_SMALLEST = 1e-15
"""Probabilities are kept this far from 0 and 1 in the log loss, as in scikit-learn before it used the float's own."""


def classification_metrics(codes: Codes, probabilities: Probabilities) -> dict[str, float]:
    """All metrics of `probabilities` [rows, classes] against the true class `codes` [rows], each a finite float.

    The predicted class is the most probable one. Every class is expected to have rows; one that has none counts in
    no average.
    """
    classes = probabilities.shape[1]
    predicted = np.argmax(probabilities, axis=1)
    counted = confusion_matrix(codes, predicted, labels=np.arange(classes)).astype(np.float64)
    metrics = {
        "log_loss": log_loss(codes, probabilities),
        "matthews_correlation": _matthews(counted),
        **_from_confusion(counted),
        **_from_ranking(codes, np.asarray(probabilities, dtype=np.float64)),
    }
    return {name: float(value) for name, value in sorted(metrics.items()) if np.isfinite(value)}


def log_loss(codes: Codes, probabilities: Probabilities, weights: npt.NDArray[np.float64] | None = None) -> float:
    """Mean negative log of the probability given to the true class."""
    true = np.asarray(probabilities, dtype=np.float64)[np.arange(len(codes)), codes]
    return float(np.average(-np.log(np.clip(true, _SMALLEST, 1 - _SMALLEST)), weights=weights))


def _from_confusion(counted: npt.NDArray[np.float64]) -> dict[str, float]:
    rows = counted.sum()
    support = counted.sum(axis=1)
    present = support > 0
    hits = np.diag(counted)
    recall = np.divide(hits, support, out=np.zeros_like(hits), where=present)
    guessed = counted.sum(axis=0)
    precision = np.divide(hits, guessed, out=np.zeros_like(hits), where=guessed > 0)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(hits), where=total > 0)
    accuracy = hits.sum() / rows
    chance = 1.0 / present.sum()
    metrics = {
        "accuracy": accuracy,
        "balanced_accuracy": recall[present].mean(),
        "norm_macro_recall": (recall[present].mean() - chance) / (1.0 - chance) if chance < 1.0 else 0.0,
        # Each row weighs as much as its class has rows.
        "weighted_accuracy": (support * hits).sum() / (support * support).sum(),
    }
    for name, values in (("recall_score", recall), ("precision_score", precision), ("f1_score", f1)):
        metrics[f"{name}_macro"] = values[present].mean()
        # Every row has one class and one prediction, so the micro averages are all the accuracy.
        metrics[f"{name}_micro"] = accuracy
        metrics[f"{name}_weighted"] = np.average(values, weights=support)
        if len(counted) == 2:
            metrics[f"{name}_binary"] = values[1]
    return metrics


def _matthews(counted: npt.NDArray[np.float64]) -> float:
    rows, hits = counted.sum(), np.diag(counted).sum()
    true, guessed = counted.sum(axis=1), counted.sum(axis=0)
    spread = np.sqrt(rows**2 - (true**2).sum()) * np.sqrt(rows**2 - (guessed**2).sum())
    return float((hits * rows - (true * guessed).sum()) / spread) if spread > 0 else 0.0


def _from_ranking(codes: Codes, probabilities: npt.NDArray[np.float64]) -> dict[str, float]:
    rows, classes = probabilities.shape
    truth = codes[:, None] == np.arange(classes)[None, :]
    support = truth.sum(axis=0)
    ranked = (support > 0) & (support < rows)
    areas = np.zeros(classes)
    precisions = np.zeros(classes)
    for position in np.flatnonzero(ranked):
        areas[position] = binary_auc(truth[:, position], probabilities[:, position])
        precisions[position] = average_precision_score(truth[:, position], probabilities[:, position])
    if not ranked.any():
        return {}
    metrics = {}
    for name, values, micro in (
        ("AUC", areas, binary_auc(truth.ravel(), probabilities.ravel())),
        ("average_precision_score", precisions, average_precision_score(truth.ravel(), probabilities.ravel())),
    ):
        metrics[f"{name}_macro"] = values[ranked].mean()
        metrics[f"{name}_micro"] = micro
        metrics[f"{name}_weighted"] = np.average(values[ranked], weights=support[ranked])
        if classes == 2:
            metrics[f"{name}_binary"] = values[1]
    return metrics


def binary_auc(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic; NaN when `truth` holds one value only."""
    positive = int(truth.sum())
    negative = len(truth) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    rank_sum = float(rankdata(scores)[truth].sum())
    return (rank_sum - positive * (positive + 1) / 2) / (positive * negative)
