"""JSON rows to the matrix: the same as a DataFrame's, to the last bit."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azureml_local.features.frame import encode_frame
from azureml_local.features.rows import RowEncoder, category_level, encode_rows
from azureml_local.features.spec import DatetimePart, EncoderSpec, Feature
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

CALENDAR_PARTS: tuple[DatetimePart, ...] = ("year", "month", "day", "weekday", "hour")

SPEC = EncoderSpec(
    features=(
        Feature(name="n", column="n", transform="numeric", fill=0.1),
        Feature(name="n?", column="n", transform="is_missing"),
        Feature(name="i", column="i", transform="numeric"),
        Feature(name="b", column="b", transform="boolean", fill=0.5),
        Feature(name="c", column="c", transform="category", categories=("", "a", "b")),
        Feature(name="d", column="c", transform="category", categories=("b", "ü")),
        Feature(name="t days", column="t", transform="datetime_part", part="epoch_days", fill=-1.0),
        *(Feature(name=f"t {part}", column="t", transform="datetime_part", part=part) for part in CALENDAR_PARTS),
    )
)

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.one_of(st.none(), offsets))
rows_of_the_spec = st.fixed_dictionaries(
    {
        "n": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "i": st.integers(-(2**63), 2**63 - 1),
        "b": st.none() | st.booleans(),
        "c": st.none() | st.sampled_from(["", "a", "b", "ü", "never seen"]),
        "t": st.none() | moments.map(lambda moment: moment.isoformat()),
    }
)


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The frame that training would have read: typed columns, moments as moments."""
    frame = pd.DataFrame(rows, columns=["n", "i", "b", "c", "t"])
    frame["n"] = frame["n"].astype("float64")
    frame["i"] = frame["i"].astype("int64")
    frame["b"] = frame["b"].astype("boolean")
    return frame


@settings(max_examples=60, deadline=None)
@given(st.lists(rows_of_the_spec, min_size=1, max_size=8))
def test_both_readers_give_the_same_matrix(rows: list[dict[str, Any]]) -> None:
    matrix, unseen = encode_rows(SPEC, rows)
    expected = encode_frame(SPEC, frame_of(rows))
    assert matrix.dtype == expected.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert matrix.tobytes() == expected.tobytes()
    assert unseen == int((expected[:, 4:6] == -1.0).sum())
    assert np.isfinite(matrix).all()


def test_the_matrix_by_hand() -> None:
    rows: list[dict[str, Any]] = [
        {"n": 1.5, "i": 3, "b": True, "c": "a", "t": "1970-01-03T23:59:59Z", "ignored": "x"},
        {"n": None, "i": 1e300, "b": None, "c": None, "t": None},
        {"n": float("nan"), "i": 2**70, "b": False, "c": "never seen", "t": "1969-12-31T23:30:00-01:00"},
    ]
    matrix, unseen = encode_rows(SPEC, rows)
    largest = np.finfo(np.float32).max
    expected = [
        [1.5, 0, 3, 1, 1, -1, 3 - 1 / 86_400, 1970, 1, 3, 5, 23],
        [np.float32(0.1), 1, largest, 0.5, 0, -1, -1, 0, 0, 0, 0, 0],
        [np.float32(0.1), 1, 2.0**70, 0, -1, -1, 0.5 / 24, 1970, 1, 1, 3, 0],
    ]
    np.testing.assert_array_equal(matrix, np.array(expected, dtype=np.float32))
    assert unseen == 4


def test_large_integers_round_as_a_frame_rounds_them() -> None:
    # Straight to float32 it would be 2**24 + 2 more; by way of float64 it ties to even.
    value = 2**62 + 2**38 + 1
    assert encode_rows(SPEC, [row(i=value)])[0][0, 2] == np.float32(np.float64(value))


def row(**changes: Any) -> dict[str, Any]:
    return {"n": 0.0, "i": 0, "b": False, "c": "a", "t": "2026-11-21"} | changes


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "21/11/2026", "0001-01-01T00:00:00+05:00"])
def test_text_that_is_no_moment_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(InvalidRequest, match="row 2, column 't': expected an ISO 8601 date or datetime") as error:
        encode_rows(SPEC, [row(), row(t=text)])
    assert not text or text not in str(error.value)


def test_a_missing_column_is_named() -> None:
    lacking = row()
    del lacking["b"]
    with pytest.raises(InvalidRequest, match="row 2, column 'b': missing"):
        encode_rows(SPEC, [row(), lacking])


def test_no_rows_are_an_empty_matrix() -> None:
    matrix, unseen = encode_rows(SPEC, [])
    assert (matrix.shape, unseen) == ((0, len(SPEC.features)), 0)


def test_values_come_in_the_order_of_the_columns() -> None:
    encoder = RowEncoder(SPEC, ["unused", "t", "c", "b", "i", "n"])
    by_position, _ = encoder.encode_values([("x", "2026-11-21", "a", False, 0, 0.0)])
    np.testing.assert_array_equal(by_position, encode_rows(SPEC, [row()])[0])


def test_a_column_the_encoder_needs_must_be_there() -> None:
    with pytest.raises(InvalidRequest, match="uses column 'n'"):
        RowEncoder(SPEC, ["i", "b", "c", "t"])


def test_a_datetime_feature_needs_a_part() -> None:
    spec = EncoderSpec(features=(Feature(name="t", column="t", transform="datetime_part"),))
    with pytest.raises(InvalidRequest, match="'t' is a datetime_part without a part"):
        RowEncoder(spec)


@pytest.mark.parametrize(
    ("value", "level"),
    [(None, ""), (float("nan"), ""), ("", ""), ("5", "5"), (5, "5"), (5.0, "5"), (0.5, "0.5"), (True, "True")],
)
def test_category_levels(value: Any, level: str) -> None:
    assert category_level(value) == level


def test_a_stranger_cannot_fill_the_memory_with_levels() -> None:
    encoder = RowEncoder(
        EncoderSpec(features=(Feature(name="c", column="c", transform="category", categories=("5",)),))
    )
    matrix, unseen = encoder.encode([{"c": f"level {number}"} for number in range(1000)] + [{"c": 5}, {"c": 5.0}])
    assert unseen == 1000
    assert matrix[-2:, 0].tolist() == [0.0, 0.0]
    ((_, _, encode),) = encoder._plan
    assert encode(["level 1"]) == [-1.0]
    assert len(encode.__closure__[0].cell_contents.__self__) == 1  # type: ignore[index]
