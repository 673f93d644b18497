"""Bad requests: each gets a clear answer, and the service goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.scoring.conftest import StartService
from tests.integration.scoring.packages import make_rows
from tests.integration.scoring.services import PRIMARY, ServiceProcess, exchange

from azureml_local.scoring.replies import LINES_PER_PERIOD

pytestmark = pytest.mark.integration

GOOD = make_rows(2)
NAN, INFINITY = float("nan"), float("inf")


def second_row(**changes: Any) -> dict[str, Any]:
    """A request whose second row is wrong."""
    return {"data": [GOOD[0], GOOD[1] | changes]}


def without(column: str) -> dict[str, Any]:
    return {"data": [GOOD[0], {name: value for name, value in GOOD[1].items() if name != column}]}


BAD_BODIES = {
    "empty body": (b"", "the body is empty"),
    "not JSON": (b"{'data': 1}", "not JSON"),
    "cut off": (b'{"data": [{"age": 1', "not JSON"),
    "two documents": (b'{"data": []} {}', "not JSON"),
    "not UTF-8": (b'{"data": [{"job": "\xff"}]}', "UTF-8"),
    "nested without end": (b'{"data": [{"age": ' + b"[" * 200_000, "nested too deeply"),
    "top-level list": (GOOD, r'expected \{"data": \[\{column: value, ...\}, ...\]\}, got a list'),
    "top-level number": (5, "got a number"),
    "null": (None, "got null"),
    "no data": ({"rows": GOOD}, "data is missing.*got 'rows'"),
    "nothing": ({}, "data is missing"),
    "data is an object": ({"data": GOOD[0]}, "data: expected a list of rows, got an object"),
    "data is null": ({"data": None}, "data: expected a list of rows, got null"),
    "extra part": ({"data": GOOD, "GlobalParameters": 1}, "'GlobalParameters' is not a part of a request"),
    "unknown method": ({"data": GOOD, "method": "explain"}, 'expected "predict" or "predict_proba"'),
    "empty data": ({"data": []}, "data is empty"),
    "10,001 rows": ({"data": [{}] * 10_001}, "10,001 rows; the most in one request is 10,000"),
    "a row that is a list": ({"data": [GOOD[0], [1, 2]]}, "row 2: expected an object .*got a list"),
    "a row that is null": ({"data": [GOOD[0], None]}, "row 2: .*got null"),
    "missing column": (without("age"), "row 2, column 'age': missing"),
    "missing nullable column": (without("month"), "row 2, column 'month': missing"),
    "missing column with dots": (without("emp.var.rate"), "row 2, column 'emp.var.rate': missing"),
    "extra column": (second_row(salary=3), "row 2, column 'salary': not a column of this model"),
    "string for an integer": (second_row(age="forty"), "row 2, column 'age': expected an integer, got a string"),
    "number as a string": (second_row(age="40"), "row 2, column 'age': expected an integer, got a string"),
    "fraction for an integer": (second_row(age=40.5), "row 2, column 'age': .*got a number with a fraction"),
    "boolean for an integer": (second_row(age=True), "row 2, column 'age': expected an integer, got a boolean"),
    "integer beyond 64 bits": (second_row(age=2**63), "row 2, column 'age': .*got an integer too large"),
    "integer of 5,000 digits": (
        json.dumps(second_row(age=-1)).replace('"age": -1', '"age": ' + "9" * 5000).encode(),
        "row 2: holds an integer too large",
    ),
    "boolean for a number": (second_row(**{"class": False}), "row 2, column 'class': expected a number, got a boolean"),
    "string for a number": (second_row(**{"class": "1.5"}), "row 2, column 'class': expected a number, got a string"),
    "number for a string": (second_row(job=3), "row 2, column 'job': expected a string, got an integer"),
    "number for a boolean": (second_row(**{"<b>loan</b> €": 1}), "expected true or false, got an integer"),
    "list for a string": (second_row(job=["a"]), "row 2, column 'job': expected a string, got a list"),
    "null where training saw none": (second_row(age=None), "row 2, column 'age': expected an integer, got null"),
    "no date": (second_row(**{"contacted at": "21/11/2026"}), "row 2, column 'contacted at': expected an ISO 8601"),
    "a year that is none": (second_row(**{"contacted at": "0000-01-01"}), "row 2, column 'contacted at'"),
    "optional column, mistyped": (second_row(client_id="x"), "row 2, column 'client_id': expected an integer"),
    "optional column, null": (second_row(client_id=None), "row 2, column 'client_id': .*got null"),
    "optional column, no date": (second_row(notes_at="soon"), "row 2, column 'notes_at': expected an ISO 8601"),
    "NaN": (second_row(**{"class": NAN}), "row 2, column 'class': NaN and Infinity are not JSON"),
    "Infinity": (second_row(**{"emp.var.rate": INFINITY}), "row 2, column 'emp.var.rate': NaN and Infinity"),
    "-Infinity": (second_row(**{"emp.var.rate": -INFINITY}), "row 2, column 'emp.var.rate': NaN and Infinity"),
    "1e999": (
        json.dumps(second_row(**{"class": -1.5})).replace("-1.5", "1e999").encode(),
        "row 2, column 'class': expected a number, got NaN, Infinity or a number too large",
    ),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_a_400_that_says_what_is_wrong(service: ServiceProcess, name: str) -> None:
    payload, message = BAD_BODIES[name]
    reply = service.score(payload)
    assert (reply.status, reply.json["error"]["code"]) == (400, "InvalidRequest")
    assert re.search(message, reply.message, re.DOTALL), reply.message
    assert reply.headers["content-type"] == "application/json"
    assert service.score({"data": GOOD}).status == 200


def test_an_unseen_category_is_scored(service: ServiceProcess) -> None:
    assert len(service.score(second_row(job="astronaut")).result) == 2


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "no key was sent"),
        ("Bearer wrong", "neither the primary nor the secondary"),
        ("Bearer ", "neither the primary nor the secondary"),
        (f"Bearer {PRIMARY[:-1]}", "neither the primary nor the secondary"),
        (PRIMARY, "not of the form 'Bearer KEY'"),
        (f"Basic {PRIMARY}", "not of the form 'Bearer KEY'"),
        ("Bearer ключ".encode().decode("latin-1"), "neither the primary nor the secondary"),
    ],
)
def test_without_a_good_key_it_is_a_401(service: ServiceProcess, authorization: str | None, message: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = service.score({"data": GOOD}, key=None, headers=headers)
    assert (reply.status, reply.json["error"]["code"]) == (401, "Unauthorized")
    assert message in reply.message
    assert reply.headers["www-authenticate"] == "Bearer"


def test_the_key_is_checked_before_the_body(service: ServiceProcess) -> None:
    assert service.score(b"not JSON", key="wrong").status == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_another_method_is_a_405(service: ServiceProcess, method: str) -> None:
    reply = service.request(method, "/score")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/swagger.json"])
def test_posting_to_a_page_is_a_405(service: ServiceProcess, path: str) -> None:
    reply = service.request("POST", path, b"{}")
    assert reply.status == 405
    assert "GET" in reply.headers["allow"]


@pytest.mark.parametrize("path", ["/docs", "/score/", "/../etc/passwd", "/%00", "//score"])
def test_another_path_is_a_404_that_names_the_routes(service: ServiceProcess, path: str) -> None:
    reply = service.request("GET", path)
    assert reply.status == 404
    assert "POST /score" in reply.message


SIXTY_MEGABYTES = 60 * 1024 * 1024


def pieces_of_sixty_megabytes() -> Iterator[bytes]:
    piece = b" " * 65_536
    for _ in range(SIXTY_MEGABYTES // len(piece)):
        yield piece


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_60_megabytes_is_a_413_and_is_not_held_in_memory(service: ServiceProcess, chunked: bool) -> None:
    assert service.score({"data": make_rows(10_000)}).status == 200  # what memory a legal request takes is taken
    before = service.resident_bytes
    headers = {"Authorization": f"Bearer {PRIMARY}"}
    if not chunked:
        headers["Content-Length"] = str(SIXTY_MEGABYTES)
    connection = service.connect()
    reply = exchange(connection, "POST", "/score", pieces_of_sixty_megabytes(), headers)
    assert (reply.status, reply.json["error"]["code"]) == (413, "RequestTooLarge")
    assert "10 MB" in reply.message
    assert service.resident_bytes - before < 30 * 1024 * 1024
    assert exchange(connection, "GET", "/").status == 200, "the rest of the body was read away"
    connection.close()


def test_a_client_that_asks_first_need_not_send_60_megabytes(service: ServiceProcess) -> None:
    with service.socket() as client:
        client.sendall(
            b"POST /score HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (PRIMARY.encode(), SIXTY_MEGABYTES)
        )
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_just_below_the_limit_is_parsed(service: ServiceProcess) -> None:
    body = json.dumps({"data": GOOD}).encode()
    assert service.score(body + b" " * (10 * 1024 * 1024 - len(body))).status == 200
    assert service.score(body + b" " * (10 * 1024 * 1024 - len(body) + 1)).status == 413


def test_garbage_instead_of_http_is_refused(service: ServiceProcess) -> None:
    with service.socket() as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")
    assert service.request("GET", "/").status == 200


def test_refusals_are_logged_without_bodies_and_keys(start_service: StartService) -> None:
    service = start_service()
    secret = "Confidential-Person"
    service.score(second_row(job=secret, age="x"), headers={"x-ms-request-id": "logged-1"})
    service.score(second_row(**{"contacted at": secret}), headers={"x-ms-request-id": "logged-2"})
    service.score({"data": GOOD}, key=secret, headers={"x-ms-request-id": "logged-3"})
    log = service.log_text
    assert re.search(r"POST '/score' 400 logged-1: row 2, column 'age': expected an integer, got a string", log)
    assert "logged-2: row 2, column 'contacted at'" in log
    assert "401 logged-3" in log
    assert secret not in log
    assert PRIMARY not in log


def test_a_flood_of_refusals_does_not_flood_the_log(start_service: StartService) -> None:
    service = start_service()
    connection = service.connect()
    for _ in range(500):
        assert exchange(connection, "POST", "/score", b"{}").status == 401
    connection.close()
    assert service.stop() == 0
    assert service.log_text.count(" 401 ") == LINES_PER_PERIOD
