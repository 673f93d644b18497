"""JSON rows to the float32 matrix of an `EncoderSpec`: the reader that scoring uses, so no pandas here.

It keeps the rules that `frame` states, to the last bit of the matrix. Work is done column by column: for the two rows
of a usual request that saves a Python loop per row, and for ten thousand the interpreter's own loops do the walking.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from azureml_local.features.spec import UNSEEN, DatetimePart, EncoderSpec, Feature
from azureml_workspace.errors import InvalidRequest

Matrix = npt.NDArray[np.float32]
Value = str | int | float | bool | None
ColumnEncoder = Callable[[Sequence[Any]], Sequence[Any]]

FLOAT32_MAX = float(np.finfo(np.float32).max)

_EPOCH = datetime(1970, 1, 1)  # naive, as every moment is after `parse_moment`
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_DAY = 86_400_000_000.0


class RowEncoder:
    """The features of a model, made ready once and used for every request. Safe to share between threads.

    `columns` is the order of values in the tuples that `encode_values` takes (default: the columns the spec uses,
    in the order of their first use); a column the spec does not use may be among them.

    :raises InvalidRequest: the spec uses a column that is not in `columns`, or has a datetime feature without part.
    """

    def __init__(self, spec: EncoderSpec, columns: Sequence[str] | None = None) -> None:
        self.columns = tuple(dict.fromkeys(f.column for f in spec.features) if columns is None else columns)
        places = {name: place for place, name in enumerate(self.columns)}
        lost = [f.column for f in spec.features if f.column not in places]
        if lost:
            raise InvalidRequest(f"encoder.json uses column {lost[0]!r}, which the signature does not have.")
        self._features = spec.features
        self._plan = tuple((places[f.column], f.transform == "category", _column_encoder(f)) for f in spec.features)

    def encode(self, rows: Sequence[Mapping[str, Value]]) -> tuple[Matrix, int]:
        """As `encode_values`, from one mapping of column to value per row. Columns the spec does not use are ignored.

        :raises InvalidRequest: a row lacks a column the spec uses; or as `encode_values`.
        """
        columns = self.columns
        try:
            return self.encode_values([tuple([row[column] for column in columns]) for row in rows])
        except KeyError as error:
            number = next(number for number, row in enumerate(rows, 1) if error.args[0] not in row)
            raise InvalidRequest(f"row {number}, column {error.args[0]!r}: missing.") from None

    def encode_values(self, rows: Sequence[Sequence[Value]]) -> tuple[Matrix, int]:
        """The C-contiguous float32 matrix [rows, features], and how many values were unseen categories.

        Each row holds one value per column of `columns`, None for a null. Rows are counted from 1 in messages.

        :raises InvalidRequest: text that is no ISO 8601 moment where one is needed; names row and column.
        """
        unseen = 0
        flat: list[Any] = []
        by_column = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        for place, is_category, encode in self._plan:
            values = encode(by_column[place])
            if is_category:
                unseen += values.count(UNSEEN)
            flat += values
        doubles = np.array(flat, dtype=np.float64).reshape(len(self._plan), len(rows))
        with np.errstate(over="ignore"):
            # Through float64 first, as a DataFrame's column goes: a direct cast of a large integer rounds differently.
            singles = doubles.astype(np.float32)
        if not np.isfinite(singles).all():
            singles = self._clip(doubles).astype(np.float32)
        return np.ascontiguousarray(singles.T), unseen

    def _clip(self, doubles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        fills = np.array([[feature.fill] for feature in self._features])
        return np.clip(np.where(np.isfinite(doubles), doubles, fills), -FLOAT32_MAX, FLOAT32_MAX)


def encode_rows(spec: EncoderSpec, rows: Sequence[Mapping[str, Value]]) -> tuple[Matrix, int]:
    """`RowEncoder(spec).encode(rows)`; build a `RowEncoder` once where it is called often."""
    return RowEncoder(spec).encode(rows)


def category_level(value: Value) -> str:
    """The category level that a raw value is: "" for null, text as it is, 5 and 5.0 both "5", 0.5 "0.5", True "True".

    A column of integers with nulls is a float column in pandas, so whole floats and integers must be one level.
    """
    if _is_null(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def parse_moment(text: str) -> datetime:
    """The naive UTC datetime that an ISO 8601 date or datetime names; without an offset it is taken as UTC.

    :raises ValueError: it is neither.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def datetime_part(moment: datetime, part: DatetimePart) -> float:
    """One part of a naive UTC `moment`.

    `epoch_days` is days since 1970-01-01 with their fraction: whole microseconds as a float64, divided by those of a
    day. `weekday` counts from Monday = 0.
    """
    if part == "epoch_days":
        return float((moment - _EPOCH) // _MICROSECOND) / _MICROSECONDS_PER_DAY
    if part == "weekday":
        return float(moment.weekday())
    value: int = getattr(moment, part)
    return float(value)


class _Levels(dict[Any, float]):
    """Level to matrix value. A miss is worked out and not stored, or a stranger's values would fill the memory."""

    def __missing__(self, value: Value) -> float:
        return self.get(category_level(value), UNSEEN)


def _column_encoder(feature: Feature) -> ColumnEncoder:
    fill = feature.fill
    match feature.transform:
        case "category":
            level_value = _Levels({level: float(i) for i, level in enumerate(feature.categories)}).__getitem__
            return lambda values: list(map(level_value, values))
        case "numeric" | "boolean":
            return lambda values: [fill if v is None else v for v in values] if None in values else values
        case "is_missing":
            return lambda values: [1.0 if _is_null(v) else 0.0 for v in values]
        case "datetime_part":
            return _datetime_encoder(feature)


def _datetime_encoder(feature: Feature) -> ColumnEncoder:
    part = feature.part
    if part is None:
        raise InvalidRequest(f"encoder.json: feature {feature.name!r} is a datetime_part without a part.")

    def encode(values: Sequence[Any]) -> list[float]:
        made = []
        for number, value in enumerate(values, 1):
            try:
                made.append(feature.fill if value is None else datetime_part(parse_moment(value), part))
            except (ValueError, OverflowError):
                # The value stays out of the message: messages are logged, and rows hold people's data.
                raise InvalidRequest(
                    f"row {number}, column {feature.column!r}: expected an ISO 8601 date or datetime "
                    "(such as '2026-11-21' or '2026-11-21T09:30:00Z'), got other text."
                ) from None
        return made

    return encode


def _is_null(value: Value) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
