"""The DataFrame reader: alone, and against the JSON reader."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azureml_local.features.frame import FLOAT32_MAX, encode_frame
from azureml_local.features.rows import encode_rows
from azureml_local.features.spec import DatetimePart, EncoderSpec, Feature
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

PARTS = get_args(DatetimePart)
SPEC = EncoderSpec(
    features=(
        Feature(name="n", column="n", transform="numeric", fill=0.1),
        Feature(name="n?", column="n", transform="is_missing"),
        Feature(name="b", column="b", transform="boolean", fill=1.0),
        Feature(name="c", column="c", transform="category", categories=("", "a", "ä b", "<script>")),
        Feature(name="m", column="m", transform="category", categories=("1", "1.5", "True", "x")),
        *(Feature(name=part, column="d", transform="datetime_part", part=part, fill=3.3) for part in PARTS),
        Feature(name="d?", column="d", transform="is_missing"),
    )
)

moments = st.one_of(
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.isoformat()),
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(lambda m: m.isoformat()),
    st.dates().map(lambda day: day.isoformat()),
    st.just("2024-02-29T23:30:00-05:00"),
)
rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.one_of(
                st.none(),
                st.integers(-(2**62), 2**62),
                st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-3e38, max_value=3e38),
            ),
            "b": st.one_of(st.none(), st.booleans()),
            "c": st.one_of(st.none(), st.sampled_from(["", "a", "ä b", "<script>"]), st.text(max_size=4)),
            "m": st.one_of(st.none(), st.integers(0, 2), st.sampled_from([1.0, 1.5, 0.1]), st.booleans(), st.just("x")),
            "d": st.one_of(st.none(), moments),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(rows=rows_strategy)
@settings(max_examples=150, deadline=None)
def test_frames_and_json_rows_give_the_same_bits(rows: list[dict[str, Any]]) -> None:
    from_rows, _ = encode_rows(SPEC, rows)
    as_objects = encode_frame(SPEC, pd.DataFrame(rows, dtype=object))
    assert as_objects.tobytes() == from_rows.tobytes()

    # And as pandas types the columns by itself, where mixing types would not change a value.
    typed = pd.DataFrame(rows).assign(m=pd.Series([row["m"] for row in rows], dtype=object))
    if not typed["n"].map(lambda value: isinstance(value, int) and abs(value) > 2**53).any():
        assert encode_frame(SPEC, typed).tobytes() == from_rows.tobytes()


def _one(transform: Any, values: Any, **options: Any) -> list[float]:
    spec = EncoderSpec(features=(Feature(name="f", column="x", transform=transform, **options),))
    matrix = encode_frame(spec, pd.DataFrame({"x": values}))
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    return [float(value) for value in matrix[:, 0]]


def test_nan_and_infinity_count_as_null() -> None:
    values = [1.0, np.nan, np.inf, -np.inf]
    assert _one("numeric", values, fill=7.0) == [1.0, 7.0, 7.0, 7.0]
    assert _one("is_missing", values) == [0.0, 1.0, 1.0, 1.0]


def test_numbers_too_large_for_float32_are_clipped() -> None:
    assert _one("numeric", [1e300, -1e300]) == [FLOAT32_MAX, -FLOAT32_MAX]


def test_integers_round_by_way_of_float64() -> None:
    value = 2**60 + 2**36 + 1
    assert _one("numeric", pd.Series([value], dtype="int64")) == [float(np.float32(np.float64(value)))]


def test_typed_columns_with_nulls() -> None:
    assert _one("numeric", pd.array([1, None], dtype="Int64"), fill=5.0) == [1.0, 5.0]
    assert _one("boolean", pd.array([True, None, False], dtype="boolean"), fill=1.0) == [1.0, 1.0, 0.0]
    assert _one("boolean", pd.Series([True, None], dtype=object), fill=0.0) == [1.0, 0.0]
    assert _one("category", pd.Categorical(["b", None, "a"]), categories=("", "a", "b")) == [2.0, 0.0, 1.0]


def test_unseen_and_null_categories() -> None:
    assert _one("category", ["a", "zzz", None], categories=("a",)) == [0.0, -1.0, -1.0]


def test_whole_floats_and_integers_are_one_level() -> None:
    assert _one("category", [5, 6.0, 0.5], categories=("0.5", "5", "6")) == [1.0, 2.0, 0.0]


def test_datetimes_with_and_without_time_zone() -> None:
    aware = pd.Series(pd.to_datetime(["2024-01-01T01:30:00+02:00"]))
    assert _one("datetime_part", aware, part="day") == [31.0]
    assert _one("datetime_part", pd.Series(pd.to_datetime(["1969-12-31 12:00"])), part="epoch_days") == [-0.5]
    assert _one("datetime_part", pd.Series([pd.NaT, pd.Timestamp("2024-01-01")]), part="weekday", fill=9.0) == [
        9.0,
        0.0,
    ]


@pytest.mark.parametrize(
    ("transform", "values", "words"),
    [("numeric", ["a"], "numbers"), ("datetime_part", ["yesterday"], "ISO 8601")],
)
def test_values_that_cannot_be_read_name_the_column(transform: Any, values: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=f"column 'x' must hold {words}"):
        _one(transform, values, part="year" if transform == "datetime_part" else None)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidRequest, match="column 'b' is missing"):
        encode_frame(SPEC, pd.DataFrame({"n": [1], "c": ["a"], "m": ["x"], "d": [None]}))


def test_no_rows_give_an_empty_matrix() -> None:
    empty = pd.DataFrame({name: pd.Series([], dtype=object) for name in "nbcmd"})
    assert encode_frame(SPEC, empty).shape == (0, len(SPEC.features))
