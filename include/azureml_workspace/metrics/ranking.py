"""How well scores put the rows of a class before the others: of the rows as they are, and of many resamples at once.

Rows are sorted by score once; a resample is then only how many rows it has at each score. scikit-learn and scipy have
both figures for one set of rows, and importing them costs a short task more than all that it computes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def by_score(
    truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], multiplicities: Floats
) -> tuple[Floats, Floats]:
    """Rows of the class, and the others, at each distinct score, the highest first: arrays [resamples, scores].

    `truth` and `scores` are [rows]; `multiplicities` [resamples, rows] says how often each resample holds each row.
    """
    if not len(scores):
        nothing: Floats = np.empty((len(multiplicities), 0))
        return nothing, nothing
    order = np.argsort(-scores, kind="stable")
    ordered, is_hit = multiplicities[:, order], truth[order]
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    hits: Floats = np.add.reduceat(ordered * is_hit, starts, axis=1)
    misses: Floats = np.add.reduceat(ordered * ~is_hit, starts, axis=1)
    return hits, misses


def areas(hits: Floats, misses: Floats) -> Floats:
    """Area under the ROC curve, [resamples]; NaN where a resample has no hit or no miss.

    As the Mann-Whitney statistic: the share of pairs of a hit and a miss in the right order, ties counting half.
    """
    others = misses.sum(axis=1)
    below = others[:, None] - np.cumsum(misses, axis=1)
    pairs = hits.sum(axis=1) * others
    right = (hits * (below + misses / 2)).sum(axis=1)
    found: Floats = np.divide(right, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)
    return found


def average_precisions(hits: Floats, misses: Floats) -> Floats:
    """Average precision, [resamples]; NaN where a resample has no hit.

    The precision at each score, weighted by the recall that it adds, without interpolation: as scikit-learn's.
    """
    found = np.cumsum(hits, axis=1)
    precision = np.divide(found, found + np.cumsum(misses, axis=1), out=np.zeros_like(found), where=found > 0)
    total = hits.sum(axis=1)
    averages: Floats = np.divide(
        (hits * precision).sum(axis=1), total, out=np.full_like(total, np.nan), where=total > 0
    )
    return averages
