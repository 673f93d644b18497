import json
from datetime import date, datetime

import pytest

from azureml_endpoint.errors import RowsRefused, UnexpectedReply
from azureml_endpoint.wire import MESSAGE_LIMIT, decode_answer, decode_error, encode_request
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


def test_request_holds_the_rows_and_leaves_the_default_method_out() -> None:
    assert json.loads(encode_request([{"age": 3, "job": None}])) == {"data": [{"age": 3, "job": None}]}


def test_probabilities_are_asked_for_beside_the_data() -> None:
    assert json.loads(encode_request([{}], "predict_proba")) == {"data": [{}], "method": "predict_proba"}


def test_dates_are_sent_in_iso_form() -> None:
    body = json.loads(encode_request([{"day": date(2026, 1, 2), "at": datetime(2026, 1, 2, 3, 4)}]))
    assert body["data"] == [{"day": "2026-01-02", "at": "2026-01-02T03:04:00"}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_a_value_without_a_json_form_is_named_by_row_and_column(value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"row 1, column 'age'"):
        encode_request([{"age": 1}, {"job": "x", "age": value}])


def test_both_forms_of_an_answer_are_read_and_told_apart() -> None:
    plain = decode_answer(b'{"result": ["yes", "no"]}')
    double = decode_answer(json.dumps('{"result": ["yes", "no"]}').encode())
    assert plain.result == double.result == ("yes", "no")
    assert (plain.response_format, double.response_format) == ("object", "string")


@pytest.mark.parametrize(
    "body", [b'{"error": "could not convert"}', json.dumps('{"error": "could not convert"}').encode()]
)
def test_an_error_inside_a_200_is_an_error(body: bytes) -> None:
    with pytest.raises(RowsRefused, match="could not convert"):
        decode_answer(body)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[1, 2]", b"null", b'{"result": 3}', b'{"results": []}', b'"not json inside"', b"\xff\xfe"],
)
def test_anything_else_is_an_unexpected_reply(body: bytes) -> None:
    with pytest.raises(UnexpectedReply):
        decode_answer(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"code": "BadRequest", "message": "row 0: age is missing"}}', "row 0: age is missing"),
        (b'{"error": "plain text inside"}', "plain text inside"),
        (json.dumps('{"error": {"message": "twice"}}').encode(), "twice"),
        (
            b'{"error": {"code": "BadRequest", "message": "The request is invalid.", '
            b'"details": [{"code": "X", "message": "No such column"}]}}',
            "The request is invalid.; No such column",
        ),
        (b'{"Error": {"Code": "UserError", "Message": "capital letters"}}', "capital letters"),
        (b'{"message": "gateway"}', "gateway"),
        (b'{"detail": "fastapi"}', "fastapi"),
        (b"Service\n  Unavailable", "Service Unavailable"),
        (b"", "(empty)"),
        (b'{"unknown": 1}', '{"unknown": 1}'),
    ],
)
def test_every_known_form_of_an_error_gives_its_message(body: bytes, message: str) -> None:
    assert decode_error(body) == message


def test_long_messages_are_cut() -> None:
    assert len(decode_error(json.dumps({"error": "x" * 10_000}).encode())) == MESSAGE_LIMIT
    assert len(decode_error(b"y" * 10_000)) == MESSAGE_LIMIT
