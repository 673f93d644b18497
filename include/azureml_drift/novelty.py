"""Values that a reference sample does not have: whether there are more of them than chance explains.

No share alone can tell. Of 40 rows, 40 others of the same population easily hold a category or an extreme value that
the first lacked; of 40,000 they hardly do.
"""

from __future__ import annotations

import math
from collections import Counter


def novelty_p_value(reference: Counter[str], current: Counter[str]) -> float:
    """The probability of as many rows of categories that the reference lacks, if both are of one population.

    A category that stands once in the reference would have been new to the rest of it, so the rows of such categories
    estimate how often a row brings a new one (I. J. Good, The population frequencies of species, Biometrika 40, 1953).
    Their number and that of the new rows are compared as two shares (Fisher's exact test, one-sided).
    """
    singles = sum(1 for count in reference.values() if count == 1)
    new = sum(count for name, count in current.items() if name not in reference)
    return share_p_value(singles, reference.total(), new, current.total())


def share_p_value(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """The probability of a second share as far above the first by chance: Fisher's exact test, one-sided.

    `hits` of `rows` in the first sample, `other_hits` of `other_rows` in the second. 1 when either is empty.
    """
    from scipy.special import bdtrc
    from scipy.stats import hypergeom

    if not rows or not other_rows or not other_hits:
        return 1.0
    if rows + other_rows > 10_000_000:  # beyond what the hypergeometric tail sums up quickly; then the binomial is it
        return float(bdtrc(other_hits - 1, hits + other_hits, other_rows / (rows + other_rows)))
    return float(hypergeom.sf(other_hits - 1, rows + other_rows, hits + other_hits, other_rows))


def outside_p_value(rows: int, other_rows: int, outside: int) -> float:
    """The probability that at least `outside` of `other_rows` are beyond the least and the greatest of `rows` others.

    If both samples are of one population, every order of all values is equally likely, so k of the second are outside
    with probability (k + 1) * C(n + m - k - 2, n - 2) / C(n + m, n), whatever the distribution; equal values make it
    less. 1 for fewer than 2 rows, which have no range.
    """
    if rows < 2 or outside <= 0:
        return 1.0
    whole = _log_choose(rows + other_rows, rows)
    total, term = 0.0, 0.0
    for count in range(outside, other_rows + 1):
        term = (count + 1) * math.exp(_log_choose(rows + other_rows - count - 2, rows - 2) - whole)
        total += term
        if term <= 1e-12 * total:
            break
    return min(total, 1.0)


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
