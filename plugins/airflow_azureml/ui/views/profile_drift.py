"""How far two versions of a dataset are apart, from their profiles alone: nobody reads the rows again.

The population stability index is the sum over bins of (share now - share before) x ln(share now / share before). Bins
of a number are those between the quantiles that the profile of the earlier version holds, shares of the later one are
interpolated between its own quantiles; bins of a category are the most frequent values of the earlier version and the
rest.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azureml_workspace.data.profile import TOP_VALUES

if TYPE_CHECKING:
    from azureml_workspace.data.profile import ColumnProfile, DataProfile, NumberSummary

_SMALLEST = 1e-4
"""Share of an empty bin, so that its logarithm is finite."""


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """A column of both versions; None in the one that lacks it. `psi` is None where a profile does not say enough."""

    name: str
    before: ColumnProfile | None
    now: ColumnProfile | None
    psi: float | None


def profile_drift(before: DataProfile, now: DataProfile) -> tuple[ColumnDrift, ...]:
    """Every column of either version: those that moved most first, then those that nothing can be said of."""
    names = list(dict.fromkeys(column.name for column in (*now.columns, *before.columns)))
    drifts = [_drift(name, before, now) for name in names]
    return tuple(sorted(drifts, key=lambda drift: -1.0 if drift.psi is None else drift.psi, reverse=True))


def _drift(name: str, before: DataProfile, now: DataProfile) -> ColumnDrift:
    earlier, later = before.column(name), now.column(name)
    psi = None
    if earlier is not None and later is not None and not (earlier.id_like or later.id_like):
        numbers, numbers_now = earlier.numbers, later.numbers
        # A number of few values has them all in its profile, which says more than its quantiles.
        is_category = max(earlier.distinct, later.distinct) <= TOP_VALUES or numbers is None or numbers_now is None
        if is_category and earlier.top_values and later.top_values:
            psi = _of_categories(earlier, before.rows, later, now.rows)
        elif numbers is not None and numbers_now is not None:
            psi = _of_numbers(numbers, numbers_now)
    return ColumnDrift(name=name, before=earlier, now=later, psi=psi)


def _of_categories(before: ColumnProfile, rows: int, now: ColumnProfile, rows_now: int) -> float | None:
    filled, filled_now = rows - before.nulls, rows_now - now.nulls
    if filled <= 0 or filled_now <= 0:
        return None
    shares = {value.value: value.count / filled for value in before.top_values}
    shares_now = {value.value: value.count / filled_now for value in now.top_values}
    pairs = [(share, shares_now.get(name, 0.0)) for name, share in shares.items()]
    rest = (max(0.0, 1.0 - sum(shares.values())), max(0.0, 1.0 - sum(now for _, now in pairs)))
    return _index([*pairs, rest])


def _of_numbers(before: NumberSummary, now: NumberSummary) -> float:
    cuts, levels = _curve(before)
    values, levels_now = _curve(now)
    pairs = []
    for place in range(1, len(cuts)):
        expected = levels[place] - levels[place - 1]
        last, first = place == len(cuts) - 1, place == 1
        high = 1.0 if last else _share_below(cuts[place], values, levels_now)
        low = 0.0 if first else _share_below(cuts[place - 1], values, levels_now)
        pairs.append((expected, high - low))
    return _index(pairs)


def _curve(numbers: NumberSummary) -> tuple[list[float], list[float]]:
    """Values and the share of rows up to each, values that are equal joined."""
    points = [(numbers.minimum, 0.0)]
    points += sorted((value, float(level)) for level, value in numbers.quantiles.items())
    points.append((numbers.maximum, 1.0))
    joined: dict[float, float] = {}
    for value, level in points:
        joined[value] = max(level, joined.get(value, 0.0))
    return list(joined), list(joined.values())


def _share_below(value: float, values: Sequence[float], levels: Sequence[float]) -> float:
    if value < values[0]:
        return 0.0
    if value >= values[-1]:
        return 1.0
    place = bisect_right(values, value)
    low, high = values[place - 1], values[place]
    part = (value - low) / (high - low) if high > low else 1.0
    return levels[place - 1] + part * (levels[place] - levels[place - 1])


def _index(pairs: Sequence[tuple[float, float]]) -> float:
    total = 0.0
    for expected, observed in pairs:
        if expected <= 0 and observed <= 0:
            continue
        before, now = max(expected, _SMALLEST), max(observed, _SMALLEST)
        total += (now - before) * math.log(now / before)
    return total
