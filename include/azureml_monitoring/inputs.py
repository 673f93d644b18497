"""Sampled inputs against the training data, column by column."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azureml_drift.columns import ParquetColumns, RowColumns
from azureml_drift.limits import JudgedFigure, ShiftLimits, judge_shifts
from azureml_drift.shifts import ColumnShift, column_shifts
from azureml_gate.decision import Versioned
from azureml_monitoring.settings import MonitorSettings
from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.errors import NotFound
from azureml_workspace.protocol import Workspace


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The dataset that a model was trained on, and its label column."""

    dataset: Versioned
    label: str


@dataclass(frozen=True, kw_only=True)
class InputShifts:
    """Every column that both have, and what is said against some of them, by column."""

    shifts: tuple[ColumnShift, ...]
    complaints: Mapping[str, str]


def training_data(workspace: Workspace, model: Versioned) -> TrainingData | None:
    """What the model's tags say; None when no task that writes them trained it, or when it is registered no more."""
    try:
        tags = workspace.get_model(model.name, model.version).tags
    except NotFound:
        return None
    name, version = tags.get("dataset", ""), tags.get("dataset_version", "")
    if not name or not version.isdigit():
        return None
    return TrainingData(dataset=Versioned(name=name, version=int(version)), label=tags.get("label", ""))


def compare_inputs(
    workspace: Workspace, training: TrainingData, rows: Sequence[Mapping[str, Any]], settings: MonitorSettings
) -> InputShifts:
    """Fetch the training data and compare. :raises NotFound: the dataset version is gone."""
    sent = {name for row in rows for name in row}
    with tempfile.TemporaryDirectory(prefix="azureml-monitor-") as name:
        folder = Path(name)
        file = workspace.download_dataset(training.dataset.name, training.dataset.version, folder)
        data = ingest(Path(file.path), folder, separator=file.separator, encoding=file.encoding)
        columns = [column for column in data.columns if column.name in sent and column.name != training.label]
        reference = ParquetColumns(folder / DATA_FILE, columns)
        shifts = column_shifts(reference, RowColumns(rows, columns), ignore=settings.ignore_columns)
    limits = ShiftLimits(max_psi=settings.max_psi, max_ks=settings.max_ks, significance=settings.significance)
    complaints = {figure.column: _words(figure) for figure in reversed(judge_shifts(shifts, limits)) if figure.shifted}
    return InputShifts(shifts=shifts, complaints=_null_complaints(shifts, settings) | complaints)


def _words(figure: JudgedFigure) -> str:
    return f"{figure.figure.upper()} {figure.observed:.2f}, limit {figure.limit:g}"


def _null_complaints(shifts: Sequence[ColumnShift], settings: MonitorSettings) -> dict[str, str]:
    if settings.max_null_increase is None:
        return {}
    return {
        shift.column: f"{shift.null_share:.0%} null, {shift.reference_null_share:.0%} in training"
        for shift in shifts
        if shift.null_share - shift.reference_null_share > settings.max_null_increase
        and shift.null_p_value < settings.significance / len(shifts)
    }
