"""The record of how far one column has moved. Imports neither Arrow nor NumPy."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_workspace.records import ColumnKind, Record


@dataclass(frozen=True, kw_only=True)
class ColumnShift(Record):
    """One column of two sets of rows. Shares are 0 to 1, of all rows for nulls, else of those with a value.

    Every figure that chance moves has a `..._p_value`: the probability of one as large if both samples are of one
    population (tests for equal populations; several columns make several tests, which who judges allows for).

    `psi` and `ks` (the Kolmogorov-Smirnov statistic, the greatest distance of the two distribution functions) are None
    where they say nothing: dates and identifiers are new in every delivery, a column without values has no
    distribution, and text has no order. `outside_share` counts numbers beyond the reference's least and greatest by
    more than the margin; `new_share` rows of categories that the reference lacks.
    """

    column: str
    kind: ColumnKind
    reference_kind: ColumnKind
    rows: int
    reference_rows: int
    null_share: float
    reference_null_share: float
    null_p_value: float
    id_like: bool = False
    psi: float | None = None
    psi_bins: int = 0
    psi_p_value: float | None = None
    ks: float | None = None
    ks_p_value: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    reference_minimum: float | None = None
    reference_maximum: float | None = None
    outside_share: float | None = None
    outside_p_value: float | None = None
    new_categories: tuple[str, ...] = ()
    new_categories_count: int = 0
    new_share: float | None = None
    new_p_value: float | None = None
