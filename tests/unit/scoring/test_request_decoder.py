"""Reading requests: the fast readers and the Python one accept the same rows, and give the same values."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from azureml_local.features.spec import InputColumn, ModelSignature
from azureml_local.scoring.columns import read_row, shorten
from azureml_local.scoring.decoder import MAX_ROWS, RequestDecoder, read_envelope
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnKind

pytestmark = pytest.mark.unit

KINDS: tuple[ColumnKind, ...] = ("integer", "number", "boolean", "string", "datetime")
COLUMNS = tuple(
    InputColumn(name=f"{kind} {nullable:d}{required:d}", kind=kind, nullable=nullable, required=required)
    for kind in KINDS
    for nullable in (False, True)
    for required in (False, True)
)
FITTING: dict[ColumnKind, Any] = {"integer": 3, "number": 2.5, "boolean": True, "string": "x", "datetime": "2026-11-21"}
GOOD = {column.name: FITTING[column.kind] for column in COLUMNS}


def signature_of(columns: tuple[InputColumn, ...]) -> ModelSignature:
    return ModelSignature(
        label_column="y",
        label_kind="string",
        classes=("no", "yes"),
        inputs=columns,
        sample_rows=(),
        sample_labels=(),
    )


def as_raw(row: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(row).encode())


DECODER = RequestDecoder.of(signature_of(COLUMNS))
WIDE = tuple(InputColumn(name=f"c{i}", kind="number", nullable=False, required=True) for i in range(3000))
ODD_NAMES = (
    'say "hi"',
    "back\\slash",
    "new\nline",
    "",
    "emp.var.rate",
    "a b",
    "<script>",
    "class",
    "`q`",
    "ünï",
    "x'y",
)

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just("2026-11-21T10:00:00Z"),
    st.lists(st.none(), max_size=1),
    st.just({}),
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(COLUMNS).map(lambda column: column.name) | st.text(max_size=2), values, max_size=4)
)
def test_fast_and_python_readers_agree(changes: dict[str, Any]) -> None:
    row = GOOD | changes
    try:
        expected: Any = read_row(COLUMNS, json.loads(json.dumps(row)), 1)
    except InvalidRequest as error:
        expected = str(error)
    try:
        got: Any = DECODER.read_rows([as_raw(row)])[0]
    except InvalidRequest as error:
        got = str(error)
    assert got == expected
    assert [type(value) for value in got] == [type(value) for value in expected]


def test_values_are_in_the_order_of_the_signature() -> None:
    turned = dict(reversed(GOOD.items()))
    expected = tuple(FITTING[column.kind] for column in COLUMNS)
    assert DECODER.read_rows([as_raw(turned), as_raw(GOOD)]) == [expected, expected]


def test_an_absent_optional_column_is_none() -> None:
    least = {column.name: GOOD[column.name] for column in COLUMNS if column.required}
    ((*read,),) = DECODER.read_rows([as_raw(least)])
    assert read == [FITTING[column.kind] if column.required else None for column in COLUMNS]


def test_a_whole_float_becomes_an_integer() -> None:
    ((*read,),) = DECODER.read_rows([as_raw(GOOD | {"integer 01": 40.0})])
    value = read[[column.name for column in COLUMNS].index("integer 01")]
    assert (value, type(value)) == (40, int)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_columns_of_any_name(name: str) -> None:
    columns = tuple(InputColumn(name=odd, kind="integer", nullable=False, required=True) for odd in ODD_NAMES)
    decoder = RequestDecoder.of(signature_of(columns))
    good = {odd: place for place, odd in enumerate(ODD_NAMES)}
    assert decoder.read_rows([as_raw(good)]) == [tuple(range(len(ODD_NAMES)))]
    with pytest.raises(InvalidRequest) as error:
        decoder.read_rows([as_raw(good), as_raw(good | {name: "x"})])
    assert str(error.value) == f"row 2, column {name!r}: expected an integer, got a string."


def test_three_thousand_columns_in_any_order() -> None:
    decoder = RequestDecoder.of(signature_of(WIDE))
    row = {column.name: float(place) for place, column in enumerate(WIDE)}
    expected = tuple(float(place) for place in range(3000))
    assert decoder.read_rows([as_raw(row), as_raw(dict(reversed(row.items())))]) == [expected, expected]
    with pytest.raises(InvalidRequest, match="row 1, column 'c2999': expected a number, got null"):
        decoder.read_rows([as_raw(row | {"c2999": None})])
    del row["c17"], row["c18"]
    with pytest.raises(InvalidRequest, match=r"row 1, column 'c17': missing\. 2 required columns are missing"):
        decoder.read_rows([as_raw(row)])


def test_a_column_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="the column 'integer 00' twice"):
        RequestDecoder.of(signature_of((*COLUMNS, COLUMNS[0])))


def test_a_signature_without_columns_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no input columns"):
        RequestDecoder.of(signature_of(()))


def test_the_number_of_rows_is_limited() -> None:
    assert len(read_envelope(b'{"data": [%b]}' % b",".join([b"{}"] * MAX_ROWS)).data) == MAX_ROWS
    with pytest.raises(InvalidRequest, match="10,001 rows"):
        read_envelope(b'{"data": [%b]}' % b",".join([b"{}"] * (MAX_ROWS + 1)))


@settings(deadline=None, max_examples=1000)
@example(b"{}\x00")
@example(b'{"data": 5} x')
@example(b'{"rows": 1, "\xff": 2}')
@example(b'{"a": ' + b"[" * 5000)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:datmethoNInfiy01-. \\', max_size=60).map(str.encode))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    with suppress(InvalidRequest):
        DECODER.read_rows(read_envelope(body).data)


@pytest.mark.parametrize("decoder", [DECODER, RequestDecoder.of(signature_of(WIDE))], ids=["narrow", "wide"])
def test_a_row_nested_to_any_depth_is_refused(decoder: RequestDecoder) -> None:
    for depth in range(1, 3000, 7):
        body = b'{"data": [{"c0": %b%b}]}' % (b"[" * depth, b"]" * depth)
        with pytest.raises(InvalidRequest):
            decoder.read_rows(read_envelope(body).data)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"data": [{"a": 1}, {"b\\"": NaN', "row 2, column 'b\"': NaN and Infinity are not JSON"),
        (b'{"data": NaN}', "NaN and Infinity are not JSON"),
        (b'{"data": [{}], "method": -Infinity}', "NaN and Infinity are not JSON"),
    ],
)
def test_nan_is_located(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_envelope(body)
    assert str(error.value).startswith(message)


def test_a_message_is_short_and_can_be_encoded() -> None:
    with pytest.raises(InvalidRequest) as error:
        DECODER.read_rows([as_raw(GOOD | {"x" * 100_000: 1})])
    assert len(str(error.value)) < 300
    assert shorten("\ud800").encode() == b"?"
