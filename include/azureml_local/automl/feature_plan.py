"""Which columns become features, and how; which are dropped, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd

from azureml_local.features.frame import FLOAT32_MAX, nulls, to_levels, to_moments, to_numbers
from azureml_local.features.spec import DatetimePart, Feature, Transform
from azureml_workspace.data.profile_rules import is_id_like
from azureml_workspace.records import ColumnSchema

MAX_LEVELS = 200
"""Levels of a category that get their own matrix value; rarer ones count as unseen."""


@dataclass(frozen=True)
class FeaturePlan:
    """`dropped` tells why each unused column is not used: excluded, all null, constant or id-like.

    `bounded` are category columns with more levels than are kept, and how many they have.
    """

    features: tuple[Feature, ...]
    dropped: Mapping[str, str]
    bounded: Mapping[str, int]


def plan_features(frame: pd.DataFrame, columns: Sequence[ColumnSchema], excluded: Sequence[str]) -> FeaturePlan:
    """Features of the `columns` (the label is not among them) of the labelled rows in `frame`."""
    features: list[Feature] = []
    dropped: dict[str, str] = {}
    bounded: dict[str, int] = {}
    for column in columns:
        values = frame[column.name]
        reason = "excluded" if column.name in excluded else _reason_to_drop(values, column)
        if reason:
            dropped[column.name] = reason
            continue
        if column.kind == "string":
            features.append(_category(values, bounded))
        else:
            features.extend(_numbers(values, column))
    return FeaturePlan(tuple(features), dropped, bounded)


def _reason_to_drop(values: pd.Series[Any], column: ColumnSchema) -> str | None:
    present = values[~nulls(values)]
    if present.empty:
        return "all null"
    distinct = int(present.nunique())
    if distinct == 1 and len(present) == len(values):
        return "constant"
    if is_id_like(
        column.name,
        column.kind,
        rows=len(values),
        filled=len(present),
        distinct=distinct,
        integers=lambda: to_numbers(present),
    ):
        return "id-like"
    return None


def _category(values: pd.Series[Any], bounded: dict[str, int]) -> Feature:
    counts = to_levels(values).value_counts()
    levels = counts.index
    if len(levels) > MAX_LEVELS:
        bounded[str(values.name)] = len(levels)
        levels = counts[counts > 1].index[:MAX_LEVELS]
        if len(levels) == 0:
            levels = counts.index[:MAX_LEVELS]
        if "" in counts.index and "" not in levels:
            levels = levels.append(pd.Index([""]))
    # Alphabetical, not by frequency or by label: an order taken from the label would leak it into every fold.
    return Feature(
        name=str(values.name), column=str(values.name), transform="category", categories=tuple(sorted(levels))
    )


def _numbers(values: pd.Series[Any], column: ColumnSchema) -> list[Feature]:
    name = column.name
    features: list[Feature] = []
    if column.kind == "datetime":
        epoch = pd.Timestamp(0, tz="UTC")
        moments = to_moments(values)
        days = (moments - epoch) / pd.Timedelta(days=1)
        middle = epoch + pd.Timedelta(days=float(days.median()))
        for part in get_args(DatetimePart):
            fill = float(days.median()) if part == "epoch_days" else float(getattr(middle, _stamp_part(part)))
            features.append(
                Feature(name=f"{name} ({part})", column=name, transform="datetime_part", fill=fill, part=part)
            )
    else:
        numbers = to_numbers(values)
        finite = np.clip(numbers[np.isfinite(numbers)], -FLOAT32_MAX, FLOAT32_MAX)
        transform: Transform = "boolean" if column.kind == "boolean" else "numeric"
        fill = float(np.round(np.median(finite))) if transform == "boolean" else float(np.median(finite))
        features.append(Feature(name=name, column=name, transform=transform, fill=fill))
    if nulls(values).any():
        features.append(Feature(name=f"{name} (is missing)", column=name, transform="is_missing"))
    return features


def _stamp_part(part: str) -> str:
    return "day_of_week" if part == "weekday" else part
