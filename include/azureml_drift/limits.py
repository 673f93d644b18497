"""Which shift is one: how large it must be, and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from azureml_drift.column_shift import ColumnShift
from azureml_workspace.records import Record

SIGNIFICANCE = 0.001
"""How often one of all columns may be called shifted when none is."""


@dataclass(frozen=True, kw_only=True)
class ShiftLimits(Record):
    """The greatest PSI and KS statistic of a column; None for any.

    A figure above its limit counts only if it is no accident: its probability must be below `significance` divided by
    the number of tests made (Bonferroni). So a large sample is judged by the size of the shift alone, and a small one
    is not refused for the noise that it has.
    """

    max_psi: float | None = 0.25
    max_ks: float | None = 0.3
    significance: float = SIGNIFICANCE


@dataclass(frozen=True, kw_only=True)
class JudgedFigure(Record):
    """A figure of a column next to its limit. `shifted`: above it, and no accident."""

    figure: Literal["psi", "ks"]
    column: str
    observed: float
    limit: float
    p_value: float
    shifted: bool


def judge_shifts(shifts: tuple[ColumnShift, ...], limits: ShiftLimits) -> tuple[JudgedFigure, ...]:
    """Every PSI and KS statistic that there is and that has a limit."""
    figures: list[tuple[Literal["psi", "ks"], ColumnShift, float | None, float | None, float | None]] = []
    for shift in shifts:
        figures.append(("psi", shift, shift.psi, shift.psi_p_value, limits.max_psi))
        figures.append(("ks", shift, shift.ks, shift.ks_p_value, limits.max_ks))
    tests = sum(1 for _, _, observed, _, _ in figures if observed is not None)
    return tuple(
        JudgedFigure(
            figure=figure,
            column=shift.column,
            observed=observed,
            limit=limit,
            p_value=p_value,
            shifted=observed > limit and p_value < limits.significance / tests,
        )
        for figure, shift, observed, p_value, limit in figures
        if observed is not None and p_value is not None and limit is not None
    )
