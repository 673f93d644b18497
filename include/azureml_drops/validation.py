"""Is a drop good enough to be trained on? Every check with its figure, and the shift of every column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from azureml_drift.column_shift import ColumnShift
from azureml_drift.shifts import column_shifts
from azureml_drops.drop_data import DropData
from azureml_drops.validation_checks import check_drop
from azureml_drops.validation_comparison import check_labels, check_schema, check_shifts, check_size
from azureml_drops.validation_report import MOST_CHECKS, MOST_SHIFTS, Baseline, ValidationCheck, ValidationReport
from azureml_drops.validation_settings import ValidationSettings

_GRAVEST_FIRST = ("failed", "warning", "passed")


@dataclass(frozen=True, kw_only=True)
class BaselineData:
    """The baseline and its rows."""

    of: Baseline
    data: DropData


def validate(
    data: DropData,
    baseline: BaselineData | None,
    settings: ValidationSettings,
    *,
    dataset: str,
    key: str,
    fingerprint: str,
    label: str = "",
) -> ValidationReport:
    """Make every check that `settings` asks for. Without a baseline those that need one are left out."""
    shifts = _shifts(data, baseline, settings)
    checks = sorted(
        _checks(data, baseline, settings, shifts, label), key=lambda check: _GRAVEST_FIRST.index(check.outcome)
    )
    ordered = sorted(shifts, key=lambda shift: -(shift.psi or 0.0))
    return ValidationReport(
        dataset=dataset,
        key=key,
        fingerprint=fingerprint,
        at=datetime.now(UTC),
        rows=data.rows,
        baseline=None if baseline is None else baseline.of,
        settings=settings,
        checks=tuple(checks[:MOST_CHECKS]),
        shifts=tuple(ordered[:MOST_SHIFTS]),
        checks_left_out=max(0, len(checks) - MOST_CHECKS),
        shifts_left_out=max(0, len(shifts) - MOST_SHIFTS),
    )


def refused_unread(
    reason: str,
    settings: ValidationSettings,
    *,
    dataset: str,
    key: str,
    fingerprint: str,
    baseline: Baseline | None = None,
) -> ValidationReport:
    """The report on a drop that cannot be read as delimited text; `reason` says why not.

    `baseline` is what it would have been compared with.
    """
    return ValidationReport(
        dataset=dataset,
        key=key,
        fingerprint=fingerprint,
        at=datetime.now(UTC),
        rows=0,
        baseline=baseline,
        settings=settings,
        checks=(ValidationCheck(name="readable", outcome="failed", detail=reason),),
    )


def _shifts(data: DropData, baseline: BaselineData | None, settings: ValidationSettings) -> tuple[ColumnShift, ...]:
    if baseline is None:
        return ()
    return column_shifts(
        baseline.data.columns, data.columns, ignore=settings.ignore_columns, range_margin=settings.range_margin
    )


def _checks(
    data: DropData,
    baseline: BaselineData | None,
    settings: ValidationSettings,
    shifts: tuple[ColumnShift, ...],
    label: str,
) -> Iterator[ValidationCheck]:
    yield from check_drop(data, settings, label, None if baseline is None else baseline.data.labels)
    if baseline is None:
        return
    if settings.schema:
        yield from check_schema(data, baseline.data)
    yield from check_size(data, baseline.data, settings)
    yield from check_shifts(shifts, settings, label)
    if label:
        yield from check_labels(data, baseline.data, settings)
