"""Column by column: what the current rows have that the reference rows had not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from azureml_drift.column_shift import ColumnShift
from azureml_drift.columns import TypedColumns
from azureml_drift.novelty import novelty_p_value, outside_p_value, share_p_value
from azureml_drift.population import Numbers, Psi, psi_of_categories, psi_of_numbers
from azureml_workspace.data.profile_rules import is_id_like
from azureml_workspace.data.values import as_text
from azureml_workspace.records import ColumnSchema

__all__ = ["NAMED_CATEGORIES", "RANGE_MARGIN", "ColumnShift", "column_shifts"]

NAMED_CATEGORIES = 5
"""How many new categories a shift names, the most frequent first. Reports of hundreds of columns have to stay small."""

RANGE_MARGIN = 0.1
"""By how much of the reference's range a value must be beyond it to count as outside."""

_NUMBERS = frozenset({"integer", "number"})
_TEXT_SHOWN = 40


def column_shifts(
    reference: TypedColumns,
    current: TypedColumns,
    *,
    ignore: Collection[str] = (),
    range_margin: float = RANGE_MARGIN,
) -> tuple[ColumnShift, ...]:
    """The shift of every column that both have, in the reference's order; `ignore` names columns to leave out.

    `range_margin` is a share of the reference's range (greatest less least).
    """
    kinds = {column.name: column for column in current.columns}
    return tuple(
        _shift(column, kinds[column.name], reference.read(column.name), current.read(column.name), range_margin)
        for column in reference.columns
        if column.name in kinds and column.name not in ignore
    )


def _shift(column: ColumnSchema, other: ColumnSchema, reference: Any, current: Any, margin: float) -> ColumnShift:
    nulls, other_nulls = int(reference.null_count), int(current.null_count)
    rows, other_rows = len(reference), len(current)
    before, now = reference.drop_null(), current.drop_null()
    id_like = _is_id_like(column, before, rows)
    figures: dict[str, Any] = {}
    if not id_like and len(before) and len(now):
        if {column.kind, other.kind} <= _NUMBERS:
            figures = _of_numbers(_numbers(before), _numbers(now), margin)
        elif "datetime" not in {column.kind, other.kind}:
            figures = _of_categories(_categories(before), _categories(now))
    return ColumnShift(
        column=column.name,
        kind=other.kind,
        reference_kind=column.kind,
        rows=other_rows,
        reference_rows=rows,
        null_share=other_nulls / other_rows if other_rows else 0.0,
        reference_null_share=nulls / rows if rows else 0.0,
        null_p_value=share_p_value(nulls, rows, other_nulls, other_rows),
        id_like=id_like,
        **figures,
    )


def _is_id_like(column: ColumnSchema, values: Any, rows: int) -> bool:
    return is_id_like(
        column.name,
        column.kind,
        rows=rows,
        filled=len(values),
        distinct=int(pc.count_distinct(values).as_py()),
        integers=lambda: _numbers(values),
    )


def _of_numbers(before: Numbers, now: Numbers, margin: float) -> dict[str, Any]:
    from scipy.stats import ks_2samp

    least, greatest = float(before.min()), float(before.max())
    room = (greatest - least) * margin
    outside = int(np.count_nonzero((now < least - room) | (now > greatest + room)))
    # The exact distribution costs time that grows with the samples, and says nearly the same from 40 rows on.
    distance = ks_2samp(before, now, method="asymp")
    return {
        **_of_psi(psi_of_numbers(before, now)),
        "ks": float(distance.statistic),
        "ks_p_value": float(distance.pvalue),
        "minimum": float(now.min()),
        "maximum": float(now.max()),
        "reference_minimum": least,
        "reference_maximum": greatest,
        "outside_share": outside / len(now),
        "outside_p_value": outside_p_value(len(before), len(now), outside),
    }


def _of_categories(before: Counter[str], now: Counter[str]) -> dict[str, Any]:
    new = Counter({name: count for name, count in now.items() if name not in before})
    return {
        **_of_psi(psi_of_categories(before, now)),
        "new_categories": tuple(name[:_TEXT_SHOWN] for name, _ in new.most_common(NAMED_CATEGORIES)),
        "new_categories_count": len(new),
        "new_share": new.total() / now.total(),
        "new_p_value": novelty_p_value(before, now),
    }


def _of_psi(psi: Psi) -> dict[str, Any]:
    return {"psi": psi.value, "psi_bins": psi.bins, "psi_p_value": psi.p_value}


def _numbers(values: Any) -> Numbers:
    """Numbers without nulls as NumPy's. (Arrow's own way imports pandas.)"""
    doubles = pc.cast(values, pa.float64(), safe=False)
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=np.float64)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in doubles.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _categories(values: Any) -> Counter[str]:
    return Counter({as_text(entry["values"]): int(entry["counts"]) for entry in values.value_counts().to_pylist()})
