"""Greedy ensemble selection: Caruana et al., Ensemble Selection from Libraries of Models (ICML 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PICKS = 25
MAX_CANDIDATES = 30
"""Only so many of the best candidates are considered: the others never get picked, and cost time."""

_SMALLEST = 1e-15


@dataclass(frozen=True)
class Ensemble:
    """`members` are (position among the candidates, weight), heaviest first; the weights add up to 1."""

    members: tuple[tuple[int, float], ...]
    loss: float


def select_ensemble(
    probabilities: Sequence[npt.NDArray[np.float32]],
    codes: npt.NDArray[np.int64],
    *,
    class_weights: npt.NDArray[np.float64] | None = None,
    picks: int = PICKS,
) -> Ensemble:
    """Pick, with replacement, the candidate that most lowers the log loss of the mean of those picked so far.

    `probabilities` are the candidates' out-of-fold ones, each [rows, classes], for the rows of `codes`.
    `class_weights` says how much a row of each class counts in the loss; without them all count alike.
    """
    rows = np.arange(len(codes))
    # The log loss sees only the probability of the true class, so that is all that has to be averaged.
    true = np.stack([np.asarray(candidate[rows, codes], dtype=np.float64) for candidate in probabilities])
    weights = np.ones(len(codes)) if class_weights is None else class_weights[codes]
    weights /= weights.sum()

    losses = -np.log(np.clip(true, _SMALLEST, 1.0)) @ weights
    considered = np.argsort(losses, kind="stable")[:MAX_CANDIDATES]
    total = np.zeros(len(codes))
    counts = np.zeros(len(true), dtype=np.int64)
    loss = float("inf")
    for pick in range(1, picks + 1):
        attempts = [-np.log(np.clip((total + true[c]) / pick, _SMALLEST, 1.0)) @ weights for c in considered]
        chosen = considered[int(np.argmin(attempts))]
        loss = float(min(attempts))
        total += true[chosen]
        counts[chosen] += 1
    order = np.argsort(-counts, kind="stable")
    return Ensemble(tuple((int(i), float(counts[i] / picks)) for i in order if counts[i]), loss)


def combine(
    probabilities: Sequence[npt.NDArray[np.float32]], members: Sequence[tuple[int, float]]
) -> npt.NDArray[np.float64]:
    """The weighted mean of the members' probabilities, each row adding up to 1."""
    total = sum(weight for _, weight in members)
    mixed: npt.NDArray[np.float64] = np.asarray(
        sum(np.asarray(probabilities[position], dtype=np.float64) * (weight / total) for position, weight in members)
    )
    return mixed


def cross_fit(
    probabilities: Sequence[npt.NDArray[np.float32]],
    codes: npt.NDArray[np.int64],
    parts: npt.NDArray[np.int64],
    *,
    class_weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """The ensemble's probabilities [rows, classes], those of each part with weights chosen on the other parts only.

    `parts` is the part each row belongs to, of at least two. Weights chosen on the very rows that are scored would
    make the ensemble look better than it is.
    """
    mixed = np.empty(probabilities[0].shape)
    for part in np.unique(parts):
        scored, others = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        chosen = select_ensemble(
            [candidate[others] for candidate in probabilities], codes[others], class_weights=class_weights
        )
        mixed[scored] = combine([candidate[scored] for candidate in probabilities], chosen.members)
    return mixed
