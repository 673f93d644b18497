"""From a typed frame to what the search works on: the matrix, the class codes, and how both came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from azureml_local.automl.feature_plan import FeaturePlan, plan_features
from azureml_local.automl.preflight import check_submission
from azureml_local.features.frame import encode_frame
from azureml_local.features.spec import EncoderSpec, InputColumn
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLSettings, ColumnKind, ColumnSchema


@dataclass(frozen=True)
class PreparedData:
    """`frame` holds the labelled rows, label included; row i of it is row i of `matrix` and of `codes`.

    `classes` are the label values as strings; `codes` are positions in it.
    """

    frame: pd.DataFrame = field(repr=False)
    matrix: npt.NDArray[np.float32] = field(repr=False)
    codes: npt.NDArray[np.int64] = field(repr=False)
    classes: tuple[str, ...]
    label: ColumnSchema
    spec: EncoderSpec
    plan: FeaturePlan
    inputs: tuple[InputColumn, ...]
    rows_dropped: int


def prepare(frame: pd.DataFrame, columns: Sequence[ColumnSchema], settings: AutoMLSettings) -> PreparedData:
    """Drop rows without a label, decide on features and encode them.

    :raises InvalidRequest: the data cannot be learned from; the message says what to do.
    """
    schema = {column.name: column for column in columns}
    label = schema.get(settings.label_column_name)
    if label is None or label.name not in frame.columns:
        check_submission(settings, columns, {}, len(frame))
        raise InvalidRequest(f"label_column_name is {settings.label_column_name!r}; the data has no such column.")
    labelled = frame[frame[label.name].notna()].reset_index(drop=True)
    texts, classes = label_classes(labelled[label.name], label.kind)
    codes = pd.Index(classes).get_indexer(pd.Index(texts)).astype(np.int64)
    counts = np.bincount(codes, minlength=len(classes))
    check_submission(settings, columns, dict(zip(classes, counts.tolist(), strict=True)), len(frame))

    usable = [column for column in columns if column.name != label.name]
    plan = plan_features(labelled, usable, settings.exclude_columns)
    matrix = encode_frame(EncoderSpec(features=plan.features), labelled)
    plan, matrix = _without_constants(plan, matrix)
    if not plan.features:
        reasons = "; ".join(f"{name!r} is {reason}" for name, reason in list(plan.dropped.items())[:10])
        raise InvalidRequest(f"no column is left to learn from: {reasons}. Add a column that varies with the label.")
    used = {feature.column for feature in plan.features}
    inputs = tuple(
        InputColumn(
            name=column.name,
            kind=column.kind,
            nullable=column.nullable or bool(frame[column.name].isna().any()),
            required=column.name in used,
        )
        for column in usable
    )
    return PreparedData(
        frame=labelled,
        matrix=matrix,
        codes=codes,
        classes=classes,
        label=label,
        spec=EncoderSpec(features=plan.features),
        plan=plan,
        inputs=inputs,
        rows_dropped=len(frame) - len(labelled),
    )


def label_classes(labels: pd.Series[Any], kind: ColumnKind) -> tuple[list[str], tuple[str, ...]]:
    """Each non-null label as a string, and the distinct ones in their natural order (numbers by size).

    Integers are written without a decimal point even where nulls made the column float, booleans as `true` and
    `false`, other numbers as Python writes a float.
    """
    if kind == "integer":
        values: list[Any] = [int(value) for value in labels]
    elif kind == "number":
        values = [float(value) for value in labels]
    elif kind == "boolean":
        values = [bool(value) for value in labels]
    elif kind == "datetime":
        values = [value.isoformat() for value in labels]
    else:
        values = [str(value) for value in labels]
    text = _boolean_text if kind == "boolean" else str
    return [text(value) for value in values], tuple(text(value) for value in sorted(set(values)))


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


def _without_constants(
    plan: FeaturePlan, matrix: npt.NDArray[np.float32]
) -> tuple[FeaturePlan, npt.NDArray[np.float32]]:
    """Features whose encoded column never varies teach nothing (the hour of dates without a time, for example)."""
    varies = np.ptp(matrix, axis=0) > 0 if len(plan.features) else np.zeros(0, dtype=bool)
    features = tuple(feature for feature, keep in zip(plan.features, varies, strict=True) if keep)
    kept = {feature.column for feature in features}
    dropped = dict(plan.dropped)
    for feature in plan.features:
        if feature.column not in kept:
            dropped.setdefault(feature.column, "constant")
    return replace(plan, features=features, dropped=dropped), np.ascontiguousarray(matrix[:, varies])
