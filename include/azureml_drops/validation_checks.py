"""The checks of a drop alone: rows, label, nulls, duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from azureml_drift.novelty import share_p_value
from azureml_drops.drop_data import DropData
from azureml_drops.validation_report import Outcome, ValidationCheck
from azureml_drops.validation_settings import ValidationSettings
from azureml_workspace.data.rows import MOST_LABELS
from azureml_workspace.texts import shown

BY_CHANCE = "Among so few rows that may be chance."


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of a column next to its limit. `excused`: above it by no more than chance explains."""

    column: str
    observed: float
    words: str
    excused: bool = False


def check_columns(name: str, limit: float, figures: Sequence[Figure]) -> Iterator[ValidationCheck]:
    """An entry for each column above the limit, or one for the column nearest to it.

    What chance explains is a warning.
    """
    above = [figure for figure in figures if figure.observed > limit]
    for figure in above:
        outcome: Outcome = "warning" if figure.excused else "failed"
        excuse = f" {BY_CHANCE}" if figure.excused else ""
        yield _check(name, outcome, f"{figure.words}; at most {limit:g} is allowed.{excuse}", figure, limit)
    if figures and not above:
        nearest = max(figures, key=lambda figure: figure.observed)
        yield _check(name, "passed", f"{nearest.words}, the most of {len(figures)} columns.", nearest, limit)


def check_drop(
    data: DropData, settings: ValidationSettings, label: str, usual: Mapping[str, int] | None = None
) -> Iterator[ValidationCheck]:
    """All that needs no baseline. Without a label (empty), nothing is asked of it.

    `usual` are the baseline's rows per label: a class of those may be missing by chance among few rows.
    """
    if settings.min_rows is not None:
        yield _least("least_rows", data.rows, settings.min_rows, "rows")
    yield _check_header_rows(data)
    if label:
        yield from _check_label(data, settings, label, usual or {})
    if settings.max_null_share is not None:
        yield from check_columns("null_share", settings.max_null_share, list(_nulls(data, settings)))
    if settings.max_duplicate_share is not None:
        share = data.profile.duplicate_rows / data.rows
        words = f"{data.profile.duplicate_rows:,} of {data.rows:,} rows ({share:.1%}) equal an earlier row"
        yield _at_most("duplicate_rows", share, settings.max_duplicate_share, words)


def _check_header_rows(data: DropData) -> ValidationCheck:
    found = data.header_rows
    detail = "No row repeats the header."
    if found:
        repeat = "row repeats" if found == 1 else "rows repeat"
        detail = f"{found:,} {repeat} the header, which makes words of every column; remove such rows from the file."
    return ValidationCheck(
        name="header_rows", outcome="failed" if found else "passed", detail=detail, observed=found, limit=0
    )


def _check_label(
    data: DropData, settings: ValidationSettings, label: str, usual: Mapping[str, int]
) -> Iterator[ValidationCheck]:
    names = [column.name for column in data.columns.columns]
    if label not in names:
        has = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
        yield ValidationCheck(
            name="label_present",
            outcome="failed",
            column=label,
            detail=f"There is no label column {shown(label)}; the drop has {has}.",
        )
        return
    yield ValidationCheck(
        name="label_present", outcome="passed", column=label, detail=f"There is a label column {shown(label)}."
    )
    if settings.min_classes is None:
        return
    if data.labels is None:
        yield ValidationCheck(
            name="label_classes",
            outcome="failed",
            column=label,
            detail=f"The label {shown(label)} has more than {MOST_LABELS:,} different values, which are no classes.",
        )
        return
    check = _least("label_classes", len(data.labels), settings.min_classes, f"classes in the label {shown(label)}")
    if check.outcome == "failed" and _may_be_missing(data.labels, settings, usual):
        check = replace(check, outcome="warning", detail=f"{check.detail} {BY_CHANCE}")
    yield check


def _may_be_missing(labels: Mapping[str, int], settings: ValidationSettings, usual: Mapping[str, int]) -> bool:
    """Whether as few rows may well have none of the classes that are missing."""
    if len(usual) < (settings.min_classes or 0):
        return False
    rows, others = sum(labels.values()), sum(count for name, count in usual.items() if name not in labels)
    total = sum(usual.values())
    return share_p_value(total - others, total, rows, rows) >= settings.significance


def _nulls(data: DropData, settings: ValidationSettings) -> Iterator[Figure]:
    for column in data.profile.columns:
        if column.name not in settings.ignore_columns:
            share = column.nulls / data.rows
            yield Figure(
                column=column.name,
                observed=share,
                words=f"Column {shown(column.name)} has no value in {share:.1%} of the rows",
            )


def _least(name: str, observed: int, limit: int, what: str) -> ValidationCheck:
    passed = observed >= limit
    return ValidationCheck(
        name=name,
        outcome="passed" if passed else "failed",
        detail=f"There are {observed:,} {what}{'' if passed else f'; at least {limit:,} are needed'}.",
        observed=observed,
        limit=limit,
    )


def _at_most(name: str, observed: float, limit: float, words: str) -> ValidationCheck:
    passed = observed <= limit
    return ValidationCheck(
        name=name,
        outcome="passed" if passed else "failed",
        detail=f"{words}." if passed else f"{words}; at most {limit:g} is allowed.",
        observed=observed,
        limit=limit,
    )


def _check(name: str, outcome: Outcome, detail: str, figure: Figure, limit: float) -> ValidationCheck:
    return ValidationCheck(
        name=name, outcome=outcome, detail=detail, column=figure.column, observed=figure.observed, limit=limit
    )
