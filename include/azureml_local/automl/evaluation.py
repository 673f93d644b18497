"""Curves and tables behind the metrics, from out-of-fold predictions, small enough to be drawn in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

MAX_POINTS = 200
CALIBRATION_BINS = 10

Floats = npt.NDArray[np.float64]


def evaluate_predictions(
    codes: npt.NDArray[np.int64], probabilities: Floats, classes: Sequence[str], validation: str
) -> dict[str, Any]:
    """The content of `evaluation.json`. Curves are per class, that class against the others.

    `confusion_matrix[i][j]` counts rows of class i that were predicted as class j. A calibration point is a tenth of
    the range of predicted probabilities: its mean prediction, the observed share of the class, and its rows.
    """
    predicted = np.argmax(probabilities, axis=1)
    counted = confusion_matrix(codes, predicted, labels=np.arange(len(classes)))
    curves = {name: _curves(codes == position, probabilities[:, position]) for position, name in enumerate(classes)}
    return {
        "validation": validation,
        "rows": len(codes),
        "classes": list(classes),
        "confusion_matrix": counted.tolist(),
        "roc": {name: curve["roc"] for name, curve in curves.items()},
        "precision_recall": {name: curve["precision_recall"] for name, curve in curves.items()},
        "calibration": {name: curve["calibration"] for name, curve in curves.items()},
    }


def _curves(truth: npt.NDArray[np.bool_], scores: Floats) -> dict[str, Any]:
    if truth.all() or not truth.any():
        return {"roc": {}, "precision_recall": {}, "calibration": []}
    false_rate, true_rate, thresholds = roc_curve(truth, scores)
    precision, recall, cuts = precision_recall_curve(truth, scores, drop_intermediate=True)
    kept = _thin(false_rate, true_rate)
    shown = _thin(recall[:-1], precision[:-1])  # the last point belongs to no threshold
    return {
        "roc": {
            "false_positive_rate": false_rate[kept].tolist(),
            "true_positive_rate": true_rate[kept].tolist(),
            # The first threshold is infinite (nothing is predicted positive), which JSON cannot hold.
            "threshold": np.minimum(thresholds[kept], 1.0).tolist(),
        },
        "precision_recall": {
            "precision": precision[shown].tolist(),
            "recall": recall[shown].tolist(),
            "threshold": cuts[shown].tolist(),
        },
        "calibration": _calibration(truth, scores),
    }


def _calibration(truth: npt.NDArray[np.bool_], scores: Floats) -> list[dict[str, float]]:
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        {
            "mean_predicted": float(scores[bins == position].mean()),
            "observed": float(truth[bins == position].mean()),
            "rows": int((bins == position).sum()),
        }
        for position in range(CALIBRATION_BINS)
        if (bins == position).any()
    ]


def _thin(x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    """At most 200 points of a curve, evenly along its length, ends included."""
    if len(x) <= MAX_POINTS:
        return np.arange(len(x))
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0.0, along[-1], MAX_POINTS - 1)
    return np.unique(np.append(np.searchsorted(along, wanted), len(x) - 1))
