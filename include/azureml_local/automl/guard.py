"""The data guard: what a person should know about the data before trusting the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from azureml_local.automl.feature_plan import MAX_LEVELS
from azureml_local.automl.leakage import MIN_ROWS, ColumnSignal
from azureml_local.automl.prepare import PreparedData
from azureml_local.automl.validation import ValidationPlan
from azureml_local.features.frame import to_levels
from azureml_workspace.data.profile_rules import NUMBER
from azureml_workspace.records import DataGuardFinding

IMBALANCE = 0.2
"""The smallest class has less than this share of the largest one's rows (Azure's guardrail draws the same line)."""

MOSTLY_NUMBERS = 0.5
"""A mix of types is a warning from this share of numbers on; with fewer, text is what the column is."""

MAX_NAMED_COLUMNS = 50

_DROPPED = {
    "all null": ("all_null_column", "warning", "holds no value at all", "hold no value at all"),
    "constant": ("constant_column", "warning", "holds the same value in every row", "hold the same value in every row"),
    "id-like": (
        "id_like_column",
        "warning",
        "names rows instead of describing them",
        "name rows instead of describing them",
    ),
    "excluded": ("excluded_column", "info", "was excluded by exclude_columns", "were excluded by exclude_columns"),
}
"""By why a column is not used: the guard, its severity, and what is said of one column and of several."""


def inspect_data(
    data: PreparedData, signals: Sequence[ColumnSignal], *, weighed: bool = False
) -> list[DataGuardFinding]:
    """Findings, gravest first. `weighed`: the models learn from rows that are weighed by their class."""
    findings = [
        *_unlabelled(data),
        *_imbalance(data, weighed=weighed),
        *_leaks(signals),
        *_leaks_not_looked_for(data, signals),
        *_dropped_columns(data),
        *_missing_values(data),
        *_many_levels(data),
        *_mixed_types(data),
        *_duplicates(data),
    ]
    return sorted(findings, key=lambda finding: ("error", "warning", "info").index(finding.severity))


def validation_findings(plan: ValidationPlan) -> list[DataGuardFinding]:
    """A finding when the validation is not the one that the settings ask for."""
    if not plan.changed:
        return []
    return [
        _finding(
            "validation_changed",
            "info",
            f"{plan.changed}.",
            f"{plan.folds}-fold cross-validation instead; add rows of that class to be free to choose",
        )
    ]


def _finding(guard: str, severity: str, message: str, action: str, columns: Sequence[str] = ()) -> DataGuardFinding:
    level: Literal["info", "warning"] = "warning" if severity == "warning" else "info"
    return DataGuardFinding(
        guard=guard, severity=level, message=message, action=action, columns=tuple(columns[:MAX_NAMED_COLUMNS])
    )


def _unlabelled(data: PreparedData) -> Iterable[DataGuardFinding]:
    if data.rows_dropped:
        rows = len(data.frame) + data.rows_dropped
        yield _finding(
            "missing_label",
            "warning",
            f"{data.rows_dropped:,} of {rows:,} rows have no label.",
            "dropped; the model never saw them",
            [data.label.name],
        )


def _imbalance(data: PreparedData, *, weighed: bool) -> Iterable[DataGuardFinding]:
    counts = np.bincount(data.codes)
    smallest, largest = int(counts.argmin()), int(counts.argmax())
    if counts[smallest] < IMBALANCE * counts[largest]:
        share = counts[smallest] / counts.sum()
        always = counts[largest] / counts.sum()
        yield _finding(
            "class_imbalance",
            "warning",
            f"class {data.classes[smallest]!r} has {counts[smallest]:,} rows ({share:.1%}); always answering "
            f"{data.classes[largest]!r} is right in {always:.1%} of the rows.",
            ("learned with class_weights" if weighed else "kept as it is (class_weights would change that)")
            + "; judge by AUC or norm_macro_recall rather than by accuracy",
            [data.label.name],
        )


def _leaks(signals: Sequence[ColumnSignal]) -> Iterable[DataGuardFinding]:
    for signal in signals:
        if not signal.suspect:
            continue
        message = f"column {signal.column!r} alone predicts the label with an AUC of {signal.auc:.3f}"
        if signal.auc_all is not None and signal.auc_without is not None:
            message += (
                f"; without it the AUC of a quick model goes from {signal.auc_all:.3f} to {signal.auc_without:.3f}"
            )
        yield _finding(
            "leakage_suspect",
            "warning",
            message + ".",
            "kept; if it is only known after the outcome, name it in exclude_columns",
            [signal.column],
        )


def _leaks_not_looked_for(data: PreparedData, signals: Sequence[ColumnSignal]) -> Iterable[DataGuardFinding]:
    looked_at = {signal.column for signal in signals}
    others = [name for name in dict.fromkeys(f.column for f in data.spec.features) if name not in looked_at]
    if others:
        verb = "was" if len(others) == 1 else "were"
        yield _finding(
            "leakage_not_checked",
            "info",
            f"{_columns(others)} {verb} not looked at as a leak of the label; only the {len(looked_at):,} columns that "
            "vary most with it were.",
            "look at them yourself, or exclude columns that say nothing",
            others,
        )
    if len(data.codes) < MIN_ROWS:
        yield _finding(
            "leakage_not_checked",
            "info",
            f"{len(data.codes):,} rows are too few to compare a model with and without a column; each column was only "
            "looked at by itself, as a leak of the label.",
            f"give at least {MIN_ROWS} rows for the full check",
        )


def _dropped_columns(data: PreparedData) -> Iterable[DataGuardFinding]:
    for reason, (guard, severity, of_one, of_several) in _DROPPED.items():
        names = [name for name, why in data.plan.dropped.items() if why == reason]
        if names:
            words = of_one if len(names) == 1 else of_several
            yield _finding(guard, severity, f"{_columns(names)} {words}.", "not used by the model", names)


def _missing_values(data: PreparedData) -> Iterable[DataGuardFinding]:
    used = {feature.column for feature in data.spec.features}
    counts = data.frame[[name for name in data.frame.columns if name in used]].isna().sum()
    counts = counts[counts > 0].sort_values(ascending=False)
    if len(counts):
        worst, share = str(counts.index[0]), counts.iloc[0] / len(data.frame)
        yield _finding(
            "missing_values",
            "info",
            f"{_columns([str(name) for name in counts.index])} {'has' if len(counts) == 1 else 'have'} missing values"
            + (f" ({share:.1%})." if len(counts) == 1 else f", most of them {worst!r} ({share:.1%})."),
            "numbers are filled with the median and flagged, a missing category is a level of its own",
            [str(name) for name in counts.index],
        )


def _many_levels(data: PreparedData) -> Iterable[DataGuardFinding]:
    for name, levels in data.plan.bounded.items():
        yield _finding(
            "high_cardinality",
            "info",
            f"column {name!r} has {levels:,} distinct values.",
            f"the {MAX_LEVELS} most frequent are kept, the others count as unseen",
            [name],
        )


def _mixed_types(data: PreparedData) -> Iterable[DataGuardFinding]:
    for feature in data.spec.features:
        if feature.transform != "category":
            continue
        counts = to_levels(data.frame[feature.column]).value_counts()
        counts = counts[counts.index != ""]
        numeric = np.array([bool(re.match(NUMBER, level)) for level in counts.index], dtype=bool)
        share = counts[numeric].sum() / max(1, counts.sum())
        if MOSTLY_NUMBERS <= share < 1:
            yield _finding(
                "mixed_types",
                "warning",
                f"column {feature.column!r} mixes numbers and text: {share:.0%} of its values are numbers, others are "
                f"like {str(counts.index[~numeric][0])[:40]!r}.",
                "taken as text; clean the column so that it is read as numbers",
                [feature.column],
            )


def _duplicates(data: PreparedData) -> Iterable[DataGuardFinding]:
    duplicates = int(data.frame.duplicated().sum())
    if duplicates:
        yield _finding(
            "duplicate_rows",
            "info",
            f"{duplicates:,} rows repeat an earlier row in every column.",
            "kept; many of them would make validation scores look better than they are",
        )


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"{'column' if len(names) == 1 else 'columns'} {shown}{more}"
