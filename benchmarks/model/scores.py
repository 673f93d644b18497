"""Scores of predictions, and paired differences with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """What a fitted model said of a fold's test rows: `labels` are class positions, `probabilities` [rows, classes]."""

    truth: Codes
    labels: Codes
    probabilities: Floats


Score = Callable[[Predictions], float]


def auc_weighted(predictions: Predictions) -> float:
    """Area under the ROC curve, one class against the rest, weighted by class size (Azure's `AUC_weighted`).

    By ranks (Mann-Whitney): the same number as scikit-learn's, quickly enough to be resampled a thousand times.
    """
    truth, total, weights = predictions.truth, 0.0, 0
    classes = predictions.probabilities.shape[1]
    for code in range(classes) if classes > 2 else (1,):  # of two classes both areas are the same
        positive = truth == code
        count = int(positive.sum())
        if count in (0, len(truth)):
            continue  # a resample without the class, or of it alone, says nothing about its ranking
        ranks = rankdata(predictions.probabilities[:, code])
        area = (ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(truth) - count))
        total += count * float(area)
        weights += count
    return total / weights if weights else float("nan")


def accuracy(predictions: Predictions) -> float:
    """Share of right labels."""
    return float((predictions.labels == predictions.truth).mean())


def log_loss(predictions: Predictions) -> float:
    """Mean negative log of the probability of the true class; probabilities are kept off 0 by 1e-15."""
    given = predictions.probabilities / predictions.probabilities.sum(axis=1, keepdims=True)
    said = np.clip(given[np.arange(len(predictions.truth)), predictions.truth], 1e-15, 1)
    return float(-np.log(said).mean())


SCORES: dict[str, Score] = {"AUC_weighted": auc_weighted, "accuracy": accuracy, "log loss": log_loss}


@dataclass(frozen=True)
class PairedDifference:
    """Mean over folds of ours minus the peer's, and the 95 % interval of a bootstrap over the rows of each fold."""

    mean: float
    low: float
    high: float

    def show(self) -> str:
        return f"{self.mean:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


def paired_difference(
    ours: Sequence[Predictions], peers: Sequence[Predictions], score: Score, *, resamples: int = 1000, seed: int = 0
) -> PairedDifference:
    """Ours minus the peer's on the same rows; each resample draws the same rows for both."""
    for our_fold, peer_fold in zip(ours, peers, strict=True):
        if not np.array_equal(our_fold.truth, peer_fold.truth):
            raise ValueError("the folds of ours and of the peer are not the same rows")
    generator = np.random.default_rng(seed)
    mean = float(np.mean([score(a) - score(b) for a, b in zip(ours, peers, strict=True)]))
    drawn = []
    for _ in range(resamples):
        differences = []
        for our_fold, peer_fold in zip(ours, peers, strict=True):
            rows = generator.integers(0, len(our_fold.truth), len(our_fold.truth))
            differences.append(score(_take(our_fold, rows)) - score(_take(peer_fold, rows)))
        drawn.append(float(np.mean(differences)))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return PairedDifference(mean, float(low), float(high))


def _take(predictions: Predictions, rows: Codes) -> Predictions:
    return Predictions(predictions.truth[rows], predictions.labels[rows], predictions.probabilities[rows])
