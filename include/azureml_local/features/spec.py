"""The feature specification: how each raw column becomes columns of the float32 matrix.

It is written by training (`encoder.json` of a model package) and read by scoring, which must not import pandas.
Both readers, `frame` (a DataFrame) and `rows` (JSON objects), must give the same matrix to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from azureml_workspace.records import ColumnKind, Record

Transform = Literal["numeric", "boolean", "category", "datetime_part", "is_missing"]
DatetimePart = Literal["epoch_days", "year", "month", "day", "weekday", "hour"]

UNSEEN = -1.0
"""Matrix value of a category that training did not see."""


@dataclass(frozen=True, kw_only=True)
class Feature(Record):
    """One column of the matrix.

    `fill` replaces a null before the cast to float32, so the matrix never holds a NaN. `categories` (transform
    `category`) are the known levels in matrix-value order: level i becomes float(i), a level not listed UNSEEN;
    a null is the level "" when that is listed. `part` belongs to the transform `datetime_part`.
    """

    name: str
    column: str
    transform: Transform
    fill: float = 0.0
    categories: tuple[str, ...] = ()
    part: DatetimePart | None = None


@dataclass(frozen=True, kw_only=True)
class InputColumn(Record):
    """One raw column that a client of the web service sends.

    `required` is False for columns that the model does not use (constant, id-like, excluded): they may be sent
    and are then only type-checked. `nullable` is whether null was seen in training; where it was not, null is refused.
    """

    name: str
    kind: ColumnKind
    nullable: bool
    required: bool


@dataclass(frozen=True, kw_only=True)
class ModelSignature(Record):
    """The public face of a model package (`signature.json`).

    `classes` are the label values as strings, in the order of the probability columns. `label_kind` says what the
    label was in the data, so that integer labels are answered as integers. `sample_rows` are rows of the training
    data without the label, for the swagger example and the smoke test; `sample_labels` is what the Python model
    says for them.
    """

    label_column: str
    label_kind: ColumnKind
    classes: tuple[str, ...]
    inputs: tuple[InputColumn, ...]
    sample_rows: tuple[dict[str, str | int | float | bool | None], ...]
    sample_labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(Record):
    """`encoder.json`: the features in matrix-column order."""

    features: tuple[Feature, ...]
