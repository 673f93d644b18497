"""How far the difference of two models on the same rows may be off by chance.

The rows are resampled within each class, and both models are measured on the same resample: the paired, stratified
bootstrap for comparing models on one set of rows (Robin et al., pROC, BMC Bioinformatics 12:77, 2011, `roc.test` with
`method="bootstrap"`, `boot.stratified=TRUE`); the interval is the percentile interval (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, 13.3). It covers the chance in the rows, not that in the training of the models.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from azureml_gate.figures import Comparison
from azureml_workspace.metrics.classification import Codes, Probabilities
from azureml_workspace.metrics.resampled import resampled_metric

Floats = npt.NDArray[np.float64]

_CELLS_AT_ONCE = 2_000_000
"""Resamples times rows that are held in memory at a time: 16 MB each array."""


def resamples(codes: Codes, samples: int, seed: int) -> Iterator[Floats]:
    """Stratified resamples, as how often each holds each row: arrays [some resamples, rows], `samples` in all.

    Every resample has as many rows of each class as there are in `codes` [rows]. The same seed gives the same ones.
    """
    rng = np.random.default_rng(seed)
    rows = len(codes)
    classes = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    at_once = max(1, _CELLS_AT_ONCE // max(rows, 1))
    for start in range(0, samples, at_once):
        count = min(at_once, samples - start)
        drawn = np.empty((count, rows), dtype=np.float64)
        for members in classes:
            chosen = rng.integers(0, len(members), (count, len(members)))
            chosen += np.arange(count)[:, None] * len(members)
            times = np.bincount(chosen.ravel(), minlength=count * len(members))
            drawn[:, members] = times.reshape(count, len(members))
        yield drawn


def paired_differences(
    metric: str, codes: Codes, challenger: Probabilities, champion: Probabilities, *, samples: int, seed: int
) -> Floats:
    """Challenger minus champion of each resample, shape [samples]. Probabilities are [rows, classes]."""
    return np.concatenate(
        [
            resampled_metric(metric, codes, challenger, drawn) - resampled_metric(metric, codes, champion, drawn)
            for drawn in resamples(codes, samples, seed)
        ]
    )


def compare(
    metric: str,
    codes: Codes,
    challenger: Probabilities,
    champion: Probabilities,
    *,
    confidence: float,
    samples: int,
    seed: int,
) -> Comparison:
    """The metric of both, and the interval of their difference, which no resample may leave undefined.

    `codes` [rows] are the true classes, two of them at least.
    """
    once = np.ones((1, len(codes)))
    new = float(resampled_metric(metric, codes, challenger, once)[0])
    old = float(resampled_metric(metric, codes, champion, once)[0])
    found = paired_differences(metric, codes, challenger, champion, samples=samples, seed=seed)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Comparison(
        metric=metric,
        challenger=new,
        champion=old,
        difference=new - old,
        low=float(low),
        high=float(high),
        confidence=confidence,
        samples=samples,
    )
