"""A DataFrame to the float32 matrix, by the specification. `rows` does the same for JSON objects, to the last bit.

Numbers beyond float32 are clipped to the largest it holds, in both. NaN and infinity, which a request may not send at
all, may be in training data and must not end up in the matrix: here they count as null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from azureml_local.features.rows import category_level
from azureml_local.features.spec import EncoderSpec, Feature
from azureml_workspace.errors import InvalidRequest

FLOAT32_MAX = float(np.finfo(np.float32).max)

_CALENDAR_PARTS = {"year": "year", "month": "month", "day": "day", "weekday": "day_of_week", "hour": "hour"}
_MICROSECONDS_PER_DAY = 86_400_000_000


def encode_frame(spec: EncoderSpec, frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """The matrix of `frame`, shape [rows, features], C order, without NaN.

    :raises InvalidRequest: a column is missing, or holds a value its transform cannot read; the message names it.
    """
    missing = sorted({feature.column for feature in spec.features} - set(frame.columns))
    if missing:
        raise InvalidRequest(
            f"column {missing[0]!r} is missing ({len(missing)} in all); the model needs every column it was trained on."
        )
    matrix = np.empty((len(frame), len(spec.features)), dtype=np.float32)
    moments: dict[str, pd.Series[Any]] = {}
    for position, feature in enumerate(spec.features):
        column = frame[feature.column]
        if feature.transform == "datetime_part":
            if feature.column not in moments:
                moments[feature.column] = to_moments(column)
            values = _filled(_datetime_part(moments[feature.column], str(feature.part)), feature)
        elif feature.transform == "category":
            values = category_codes(column, feature.categories)
        elif feature.transform == "is_missing":
            values = nulls(column).astype(np.float64)
        else:
            values = _filled(to_numbers(column), feature)
        matrix[:, position] = values
    return matrix


def _filled(values: npt.NDArray[np.float64], feature: Feature) -> npt.NDArray[np.float64]:
    return np.clip(np.where(np.isfinite(values), values, feature.fill), -FLOAT32_MAX, FLOAT32_MAX)


def nulls(column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Which values count as null: missing ones and, among numbers, infinity."""
    missing: npt.NDArray[np.bool_] = column.isna().to_numpy(dtype=bool)
    if pd.api.types.is_float_dtype(column.dtype):
        missing = missing | ~np.isfinite(to_numbers(column))
    return missing


def to_levels(column: pd.Series[Any]) -> pd.Series[Any]:
    """Each value as the category level it is (`rows.category_level`), nulls as "". Object dtype."""
    values = column.astype(object).where(column.notna(), None)
    if isinstance(column.dtype, pd.StringDtype):
        return values.where(column.notna(), "")
    return values.map(category_level)


def category_codes(column: pd.Series[Any], categories: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Position of each value's level among `categories`, -1 for a level not listed."""
    levels = pd.Index(to_levels(column).to_numpy(dtype=object), dtype=object)
    codes: npt.NDArray[np.intp] = pd.Index(list(categories), dtype=object).get_indexer(levels)
    return codes.astype(np.float64)


def to_numbers(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Numbers and booleans as float64, nulls as NaN. :raises InvalidRequest: a value is neither."""
    try:
        values: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"column {column.name!r} must hold numbers: {error}.") from error
    return values


def to_moments(column: pd.Series[Any]) -> pd.Series[Any]:
    """Moments in UTC, nulls as NaT; text is read as ISO 8601. :raises InvalidRequest: a value is no moment."""
    try:
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            return pd.to_datetime(column, utc=True)
        return pd.to_datetime(column.astype(object), utc=True, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"column {column.name!r} must hold ISO 8601 dates: {error}.") from error


def _datetime_part(moments: pd.Series[Any], part: str) -> npt.NDArray[np.float64]:
    if part == "epoch_days":
        # Whole microseconds in int64, because a float64 of them would round differently from `rows`.
        stamps = moments.dt.as_unit("us").astype("int64").to_numpy() / _MICROSECONDS_PER_DAY
        days: npt.NDArray[np.float64] = np.where(moments.isna(), np.nan, stamps)
        return days
    if part not in _CALENDAR_PARTS:
        raise InvalidRequest(
            f"encoder.json: datetime part {part!r} is none of epoch_days, {', '.join(_CALENDAR_PARTS)}."
        )
    calendar: pd.Series[Any] = getattr(moments.dt, _CALENDAR_PARTS[part])
    values: npt.NDArray[np.float64] = calendar.to_numpy(dtype=np.float64, na_value=np.nan)
    return values
