"""Parts of the holdout: the rows of each value, or band of values, of a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from azureml_gate.holdout import Holdout
from azureml_workspace.data.kinds import EVERYWHERE, NOT_AMONG_WORDS
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnKind

MISSING = "(missing)"
MOST_VALUES = 20
MOST_COLUMNS = 40
BANDS = 4
_NUMBERS: frozenset[ColumnKind] = frozenset({"integer", "number"})
_NULLS = frozenset((*EVERYWHERE, *NOT_AMONG_WORDS))


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """`rows` are places in the rows that were compared."""

    column: str
    name: str
    rows: npt.NDArray[np.intp]


def cohorts_of(
    holdout: Holdout, places: Sequence[int], *, columns: Sequence[str] = (), min_rows: int
) -> tuple[Cohort, ...]:
    """The cohorts with at least `min_rows` of the rows at `places` of the holdout.

    Columns that are not named are those with 2 to 20 values, and numbers with more values in four bands of about as
    many rows; the first 40 of them. A named column of texts has a cohort for each of its values, however many.

    :raises InvalidRequest: there is no such column.
    """
    unknown = [column for column in columns if column not in holdout.kinds]
    if unknown:
        raise InvalidRequest(
            f"cohort_columns names {unknown[0]!r}, and the holdout has the columns "
            f"{', '.join(list(holdout.kinds)[:20])}; name columns among those."
        )
    found: list[Cohort] = []
    used = 0
    for column in columns or holdout.kinds:
        if not columns and used >= MOST_COLUMNS:
            break
        groups = _groups(holdout, column, places, named=bool(columns))
        cohorts = [cohort for cohort in _cohorts(column, groups) if len(cohort.rows) >= min_rows]
        # One cohort of a column is the whole, or what is left of it.
        if len(groups) > 1 and cohorts:
            found.extend(cohorts)
            used += 1
    return tuple(found)


def _cohorts(column: str, groups: Mapping[str, list[int]]) -> Iterator[Cohort]:
    for name, rows in groups.items():
        yield Cohort(column=column, name=name, rows=np.asarray(rows, dtype=np.intp))


def _groups(holdout: Holdout, column: str, places: Sequence[int], *, named: bool) -> dict[str, list[int]]:
    """The rows of each group by its name; none when the column has too many values to look at."""
    kind = holdout.kinds[column]
    texts = [holdout.columns[column][place] for place in places]
    nulls = _NULLS if kind in _NUMBERS else frozenset(EVERYWHERE)
    names = [MISSING if text in nulls else text for text in texts]
    values = set(names) - {MISSING}
    if kind in _NUMBERS and len(values) > MOST_VALUES:
        names = _bands(names)
    elif len(values) > MOST_VALUES and not named:
        return {}
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(name, []).append(row)
    return groups


def _bands(texts: Sequence[str]) -> list[str]:
    """The band of each number, `(low, high]` between quantiles of those that are there."""
    numbers = np.array([np.nan if text == MISSING else _number(text) for text in texts])
    known = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BANDS + 1))) if len(known) else known
    if len(edges) < 2:
        return list(texts)
    bands = [
        f"{'(' if place else '['}{low:.6g}, {high:.6g}]" for place, (low, high) in enumerate(pairwise(edges.tolist()))
    ]
    which = np.clip(np.searchsorted(edges, numbers, side="left") - 1, 0, len(bands) - 1)
    return [
        bands[place] if np.isfinite(number) else MISSING for place, number in zip(which.tolist(), numbers, strict=True)
    ]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
