"""The checks of a drop against its baseline: schema, size, and how far each column has moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from azureml_drift.column_shift import ColumnShift
from azureml_drift.limits import ShiftLimits, judge_shifts
from azureml_drift.novelty import share_p_value
from azureml_drops.drop_data import DropData
from azureml_drops.validation_checks import Figure, check_columns
from azureml_drops.validation_report import ValidationCheck
from azureml_drops.validation_settings import ValidationSettings
from azureml_workspace.records import ColumnKind
from azureml_workspace.texts import shown

_NAMES_SHOWN = 10
_OF_NUMBERS = frozenset({"integer", "number"})

Shifts = Sequence[ColumnShift]


def check_schema(data: DropData, baseline: DropData) -> Iterator[ValidationCheck]:
    """Columns that are missing, or new, or of another kind. A column without any value may be of any kind."""
    now = {column.name: column.kind for column in data.columns.columns}
    before = {column.name: column.kind for column in baseline.columns.columns}
    yield _named("missing_columns", [name for name in before if name not in now], "is missing", "are missing")
    yield _named("new_columns", [name for name in now if name not in before], "is new", "are new")
    changed = [
        f"{shown(name)} ({before[name]} before, {kind} now)"
        for name, kind in now.items()
        if name in before
        and not _is_like(before[name], kind)
        and _has_values(data, name)
        and _has_values(baseline, name)
    ]
    yield _listed("column_kinds", changed, "is of another kind", "are of another kind")


def check_size(data: DropData, baseline: DropData, settings: ValidationSettings) -> Iterator[ValidationCheck]:
    """Rows by rows of the baseline."""
    ratio = data.rows / baseline.rows
    words = f"There are {data.rows:,} rows, {ratio:.2f} times as many as in the baseline ({baseline.rows:,})"
    limits = (("min_row_ratio", settings.min_row_ratio, "least"), ("max_row_ratio", settings.max_row_ratio, "most"))
    for name, limit, side in limits:
        if limit is not None:
            passed = ratio >= limit if side == "least" else ratio <= limit
            yield ValidationCheck(
                name=name,
                outcome="passed" if passed else "failed",
                detail=f"{words}." if passed else f"{words}; {limit:g} times is the {side} that is allowed.",
                observed=ratio,
                limit=limit,
            )


def check_shifts(shifts: Shifts, settings: ValidationSettings, label: str) -> Iterator[ValidationCheck]:
    """What moved, column by column. The label has checks of its own, its nulls apart."""
    features = [shift for shift in shifts if shift.column != label]
    if settings.max_null_increase is not None:
        yield from _check_figures("null_increase", settings.max_null_increase, shifts, settings, _null_increase)
    if settings.max_outside_share is not None:
        yield from _check_figures("range", settings.max_outside_share, features, settings, _outside)
    if settings.max_new_share is not None:
        yield from _check_figures("new_categories", settings.max_new_share, features, settings, _new)
    limits = ShiftLimits(max_psi=settings.max_psi, max_ks=settings.max_ks, significance=settings.significance)
    judged = judge_shifts(tuple(features), limits)
    for name, limit, words in (("psi", settings.max_psi, "a PSI"), ("ks", settings.max_ks, "a KS statistic")):
        if limit is not None:
            figures = [
                Figure(
                    column=figure.column,
                    observed=figure.observed,
                    words=f"Column {shown(figure.column)} has {words} of {figure.observed:.3f} against the baseline",
                    excused=not figure.shifted,
                )
                for figure in judged
                if figure.figure == name
            ]
            yield from check_columns(name, limit, figures)


def check_labels(data: DropData, baseline: DropData, settings: ValidationSettings) -> Iterator[ValidationCheck]:
    """Classes that are new, and shares that moved. Nothing when either has no classes."""
    now, before = data.labels or {}, baseline.labels or {}
    if not now or not before:
        return
    rows, other_rows = sum(before.values()), sum(now.values())
    if settings.max_new_label_share is not None:
        new = [name for name in now if name not in before]
        share = sum(now[name] for name in new) / other_rows
        words = f"{share:.1%} of the labels are values that the baseline lacks"
        named = f" ({', '.join(shown(name) for name in new[:_NAMES_SHOWN])})" if new else ""
        passed = share <= settings.max_new_label_share
        yield ValidationCheck(
            name="new_labels",
            outcome="passed" if passed else "failed",
            detail=f"{words}{named}{'' if passed else f'; at most {settings.max_new_label_share:g} is allowed'}.",
            observed=share,
            limit=settings.max_new_label_share,
        )
    if settings.max_label_shift is not None:
        figures = [
            _label_shift(
                name, (before[name], rows), (now.get(name, 0), other_rows), settings.significance / len(before)
            )
            for name in before
        ]
        yield from check_columns("label_share", settings.max_label_shift, figures)


def _check_figures(
    name: str,
    limit: float,
    shifts: Shifts,
    settings: ValidationSettings,
    figure_of: Callable[[ColumnShift], tuple[float, float, str] | None],
) -> Iterator[ValidationCheck]:
    found = [(shift, figure) for shift in shifts if (figure := figure_of(shift)) is not None]
    figures = [
        Figure(
            column=shift.column,
            observed=observed,
            words=f"Column {shown(shift.column)} {words}",
            excused=p_value >= settings.significance / len(found),
        )
        for shift, (observed, p_value, words) in found
    ]
    yield from check_columns(name, limit, figures)


def _null_increase(shift: ColumnShift) -> tuple[float, float, str]:
    more = shift.null_share - shift.reference_null_share
    return more, shift.null_p_value, f"has no value in {shift.null_share:.1%} ({shift.reference_null_share:.1%} before)"


def _outside(shift: ColumnShift) -> tuple[float, float, str] | None:
    if shift.outside_share is None or shift.outside_p_value is None:
        return None
    words = (
        f"is outside {shift.reference_minimum:g} to {shift.reference_maximum:g}, the baseline's range, in "
        f"{shift.outside_share:.1%} of its values (they go from {shift.minimum:g} to {shift.maximum:g})"
    )
    return shift.outside_share, shift.outside_p_value, words


def _new(shift: ColumnShift) -> tuple[float, float, str] | None:
    if shift.new_share is None or shift.new_p_value is None:
        return None
    named = ", ".join(shown(name) for name in shift.new_categories[:3])
    words = f"has categories that the baseline lacks in {shift.new_share:.1%} of its values"
    return shift.new_share, shift.new_p_value, f"{words} ({named})" if named else words


def _label_shift(name: str, before: tuple[int, int], now: tuple[int, int], significance: float) -> Figure:
    """`before` and `now` are rows of the class and of all."""
    (hits, rows), (other_hits, other_rows) = before, now
    share, other_share = hits / rows, other_hits / other_rows
    up = share_p_value(hits, rows, other_hits, other_rows)
    down = share_p_value(rows - hits, rows, other_rows - other_hits, other_rows)
    return Figure(
        column=name,
        observed=abs(other_share - share),
        words=f"Label {shown(name)} has {other_share:.1%} of the rows ({share:.1%} before)",
        excused=2 * min(up, down) >= significance,
    )


def _is_like(before: ColumnKind, now: ColumnKind) -> bool:
    return before == now or {before, now} <= _OF_NUMBERS


def _has_values(data: DropData, name: str) -> bool:
    profile = data.profile.column(name)
    return profile is not None and profile.nulls < data.rows


def _named(name: str, columns: list[str], one: str, more: str) -> ValidationCheck:
    return _listed(name, [shown(column) for column in columns], one, more)


def _listed(name: str, columns: list[str], one: str, more: str) -> ValidationCheck:
    listed = ", ".join(columns[:_NAMES_SHOWN])
    if len(columns) > _NAMES_SHOWN:
        listed += f" and {len(columns) - _NAMES_SHOWN:,} more"
    words = f"No column {one}." if not columns else f"Column {listed} {one}."
    if len(columns) > 1:
        words = f"Columns {listed} {more}."
    return ValidationCheck(
        name=name, outcome="failed" if columns else "passed", detail=words, observed=len(columns), limit=0
    )
