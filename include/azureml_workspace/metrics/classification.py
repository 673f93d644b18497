"""Azure AutoML's classification metrics, under Azure's names.

Formulas: https://learn.microsoft.com/azure/machine-learning/how-to-understand-automated-ml (classification metrics).
With two classes `macro`, `micro` and `weighted` average over both of them, as Azure does; the `_binary` metrics, and
only those, take the second class as the positive one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from azureml_workspace.metrics.ranking import areas, average_precisions, by_score

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
    counted = np.bincount(codes * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    metrics = {
        "log_loss": log_loss(codes, probabilities),
        **{name: float(value) for name, value in confusion_metrics(counted.astype(np.float64)).items()},
        **_from_ranking(codes, np.asarray(probabilities, dtype=np.float64)),
    }
    return {name: float(value) for name, value in sorted(metrics.items()) if np.isfinite(value)}


def log_loss(codes: Codes, probabilities: Probabilities, weights: npt.NDArray[np.float64] | None = None) -> float:
    """Mean negative log of the probability given to the true class."""
    true = np.asarray(probabilities, dtype=np.float64)[np.arange(len(codes)), codes]
    return float(np.average(-np.log(np.clip(true, _SMALLEST, 1 - _SMALLEST)), weights=weights))


def confusion_metrics(counted: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """Metrics of confusion matrices `counted` [..., true class, predicted class], each of shape [...].

    Every matrix counts a row at least.
    """
    rows = counted.sum(axis=(-2, -1))
    support, guessed = counted.sum(axis=-1), counted.sum(axis=-2)
    present = support > 0
    hits = np.diagonal(counted, axis1=-2, axis2=-1)
    recall, precision = _share(hits, support), _share(hits, guessed)
    f1 = _share(2 * precision * recall, precision + recall)
    accuracy = hits.sum(axis=-1) / rows
    balanced = _mean_of(recall, present)
    chance = 1.0 / present.sum(axis=-1)
    metrics = {
        "accuracy": accuracy,
        "balanced_accuracy": balanced,
        "norm_macro_recall": _share(balanced - chance, 1.0 - chance),
        # Each row weighs as much as its class has rows.
        "weighted_accuracy": (support * hits).sum(axis=-1) / (support * support).sum(axis=-1),
        "matthews_correlation": _matthews(rows, hits.sum(axis=-1), support, guessed),
    }
    for name, values in (("recall_score", recall), ("precision_score", precision), ("f1_score", f1)):
        metrics[f"{name}_macro"] = _mean_of(values, present)
        # Every row has one class and one prediction, so the micro averages are all the accuracy.
        metrics[f"{name}_micro"] = accuracy
        metrics[f"{name}_weighted"] = (values * support).sum(axis=-1) / rows
        if counted.shape[-1] == 2:
            metrics[f"{name}_binary"] = values[..., 1]
    return metrics


def _share(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`part / whole`, 0 where there is no whole."""
    shares: npt.NDArray[np.float64] = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares


def _mean_of(values: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The mean over the classes that are present."""
    mean: npt.NDArray[np.float64] = np.where(present, values, 0.0).sum(axis=-1) / present.sum(axis=-1)
    return mean


def _matthews(
    rows: npt.NDArray[np.float64],
    hits: npt.NDArray[np.float64],
    support: npt.NDArray[np.float64],
    guessed: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    spread = np.sqrt(rows**2 - (support**2).sum(axis=-1)) * np.sqrt(rows**2 - (guessed**2).sum(axis=-1))
    return _share(hits * rows - (support * guessed).sum(axis=-1), spread)


def _from_ranking(codes: Codes, probabilities: npt.NDArray[np.float64]) -> dict[str, float]:
    rows, classes = probabilities.shape
    truth = codes[:, None] == np.arange(classes)[None, :]
    support = truth.sum(axis=0)
    ranked = (support > 0) & (support < rows)
    if not ranked.any():
        return {}
    figures = np.zeros((classes, 2))
    for position in np.flatnonzero(ranked):
        figures[position] = _rank(truth[:, position], probabilities[:, position])
    metrics = {}
    for name, values, micro in zip(
        ("AUC", "average_precision_score"), figures.T, _rank(truth.ravel(), probabilities.ravel()), strict=True
    ):
        metrics[f"{name}_macro"] = values[ranked].mean()
        metrics[f"{name}_micro"] = micro
        metrics[f"{name}_weighted"] = np.average(values[ranked], weights=support[ranked])
        if classes == 2:
            metrics[f"{name}_binary"] = values[1]
    return metrics


def binary_auc(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic; NaN when `truth` holds one value only."""
    return _rank(truth, scores)[0]


def _rank(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Area under the ROC curve and average precision."""
    hits, misses = by_score(truth, scores, np.ones((1, len(truth))))
    return float(areas(hits, misses)[0]), float(average_precisions(hits, misses)[0])
