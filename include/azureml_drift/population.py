"""The population stability index (PSI) of two samples, in bins that the first one decides.

    PSI = sum over bins of (c - r) * ln(c / r)

with r and c the shares of the reference and of the current sample in the bin (N. Siddiqi, Credit Risk Scorecards,
Wiley 2006, chapter 8; the symmetrised Kullback-Leibler divergence). Its rule of thumb: below 0.1 nothing moved, above
0.25 a lot did. That rule is for large samples. Of two samples of one population, with n and m rows in B bins,

    PSI / (1/n + 1/m)  is about chi-squared with B - 1 degrees of freedom

(B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation
14(4), 2020), which for 40 rows against 40 in 10 bins means 0.45 on average, with nothing moved. So the probability of a
PSI as large by chance is given beside it.

Shares are smoothed: half a row is added to every bin of either sample, so that an empty bin gives no infinity.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_BINS = 10
ROWS_PER_BIN = 10
"""The smaller sample has at least so many rows per bin, on average."""

_HALF_A_ROW = 0.5
_LEAST_EXPECTED = 5.0

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Psi:
    """A population stability index, in how many bins, and how probable one as large is when nothing has moved."""

    value: float
    bins: int
    p_value: float


def psi_of_counts(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Psi:
    """Of how many rows each bin holds; both arrays `[bins]`, neither sample empty."""
    from scipy.special import chdtrc

    rows, other_rows, bins = float(reference.sum()), float(current.sum()), len(reference)
    if bins < 2:
        return Psi(value=0.0, bins=bins, p_value=1.0)
    expected = (reference + _HALF_A_ROW) / (rows + _HALF_A_ROW * bins)
    observed = (current + _HALF_A_ROW) / (other_rows + _HALF_A_ROW * bins)
    value = float(((observed - expected) * np.log(observed / expected)).sum())
    return Psi(value=value, bins=bins, p_value=float(chdtrc(bins - 1, value / (1 / rows + 1 / other_rows))))


def psi_of_numbers(reference: Numbers, current: Numbers) -> Psi:
    """Of numbers, without nulls: bins between the quantiles of the reference, fewer when the samples are small."""
    edges = _edges(reference, _bins(len(reference), len(current)))
    return psi_of_counts(_counts(reference, edges), _counts(current, edges))


def psi_of_categories(reference: Counter[str], current: Counter[str]) -> Psi:
    """Of how often each category stands: a bin for each that is frequent enough, one for all others.

    Frequent enough is one of which, by its share of both samples together, the smaller one holds 5 rows.
    """
    rows, other_rows = reference.total(), current.total()
    least = _LEAST_EXPECTED * (rows + other_rows) / min(rows, other_rows)
    kept = [name for name, count in (reference + current).items() if count >= least]
    counts = [np.array([sample[name] for name in kept], dtype=np.float64) for sample in (reference, current)]
    others = [rows - counts[0].sum(), other_rows - counts[1].sum()]
    if any(others):
        counts = [np.append(count, other) for count, other in zip(counts, others, strict=True)]
    return psi_of_counts(*counts)


def _bins(rows: int, other_rows: int) -> int:
    return max(2, min(MOST_BINS, min(rows, other_rows) // ROWS_PER_BIN))


def _edges(reference: Numbers, bins: int) -> Numbers:
    """Lower edges of all bins but the first. A value that fills several quantiles begins one bin only."""
    edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins, method="inverted_cdf"))
    least = reference.min()
    edges = edges[edges > least]
    above = reference[reference > least]
    return edges if len(edges) or not len(above) else np.array([above.min()])


def _counts(values: Numbers, edges: Numbers) -> Numbers:
    places = np.searchsorted(edges, values, side="right")
    return np.bincount(places, minlength=len(edges) + 1).astype(np.float64)
