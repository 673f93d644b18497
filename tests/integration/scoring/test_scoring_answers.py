"""What a service answers to requests it understands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.scoring.conftest import StartService
from tests.integration.scoring.packages import build_package, make_rows, python_labels, python_probabilities
from tests.integration.scoring.services import PRIMARY, SECONDARY, ServiceProcess

pytestmark = pytest.mark.integration

ROWS = make_rows(300, seed=99)


def test_answer_is_a_json_string_that_holds_json(service: ServiceProcess, package: Path) -> None:
    reply = service.score({"data": ROWS[:2]})
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert isinstance(reply.json, str)
    assert set(json.loads(reply.json)) == {"result"}
    assert reply.result == [("no", "yes")[place] for place in python_labels(package, ROWS[:2])]


def test_labels_equal_those_of_the_python_model(service: ServiceProcess, package: Path) -> None:
    expected = [("no", "yes")[place] for place in python_labels(package, ROWS)]
    assert len(set(expected)) == 2
    assert service.score({"data": ROWS}).result == expected
    assert service.score({"data": ROWS, "method": "predict"}).result == expected


def test_probabilities_equal_those_of_the_python_model(service: ServiceProcess, package: Path) -> None:
    result = service.score({"data": ROWS, "method": "predict_proba"}).result
    np.testing.assert_allclose(result, python_probabilities(package, ROWS), atol=1e-5)


def test_object_format_answers_a_plain_object(start_service: StartService) -> None:
    service = start_service(response_format="object")
    assert service.score({"data": ROWS[:2]}).json.keys() == {"result"}


def test_a_service_without_authentication_needs_no_key(start_service: StartService) -> None:
    service = start_service(auth_enabled=False)
    assert service.score({"data": ROWS[:1]}, key=None).status == 200
    assert "securityDefinitions" not in service.request("GET", "/swagger.json").json


@pytest.mark.parametrize(
    ("kind", "classes", "labels"),
    [
        ("integer", ("-1", "0", "12"), (-1, 0, 12)),
        ("boolean", ("False", "True"), (False, True)),
        ("number", ("0.5", "1.0"), (0.5, 1.0)),
        ("string", ("1", "2", "ja €"), ("1", "2", "ja €")),
    ],
)
def test_labels_have_the_kind_of_the_data(
    start_service: StartService, tmp_path: Path, kind: Any, classes: tuple[str, ...], labels: tuple[Any, ...]
) -> None:
    package = build_package(tmp_path / "model", classes=classes, label_kind=kind)
    result = start_service(package).score({"data": ROWS}).result
    expected = [labels[place] for place in python_labels(package, ROWS)]
    assert len(set(expected)) == len(labels)
    assert json.dumps(result) == json.dumps(expected)


@pytest.mark.parametrize("key", [PRIMARY, SECONDARY])
def test_both_keys_open(service: ServiceProcess, key: str) -> None:
    assert service.score({"data": ROWS[:1]}, key=key).status == 200


def test_bearer_is_read_in_any_case(service: ServiceProcess) -> None:
    reply = service.score({"data": ROWS[:1]}, key=None, headers={"Authorization": f"bearer  {PRIMARY}"})
    assert reply.status == 200


def test_a_whole_float_is_an_integer(service: ServiceProcess) -> None:
    whole, as_float = ROWS[0] | {"age": 40}, ROWS[0] | {"age": 40.0}
    answers = service.score({"data": [whole, as_float], "method": "predict_proba"}).result
    assert answers[0] == answers[1]


def test_column_order_does_not_matter(service: ServiceProcess) -> None:
    turned = dict(reversed(ROWS[0].items()))
    answers = service.score({"data": [ROWS[0], turned], "method": "predict_proba"}).result
    assert answers[0] == answers[1]


def test_optional_columns_may_be_sent(service: ServiceProcess) -> None:
    row = ROWS[0] | {"client_id": 7, "notes_at": None}
    assert service.score({"data": [row, ROWS[1]]}).status == 200


def test_of_a_key_given_twice_the_last_counts(service: ServiceProcess) -> None:
    text = json.dumps(ROWS[0] | {"age": 50})
    twice = text[:-1] + ', "age": 20}'
    body = b'{"data": [%b, %b], "method": "predict_proba"}' % (
        twice.encode(),
        json.dumps(ROWS[0] | {"age": 20}).encode(),
    )
    answers = service.score(body).result
    assert answers[0] == answers[1]


def test_content_type_is_not_insisted_on(service: ServiceProcess) -> None:
    assert service.score({"data": ROWS[:1]}, headers={"Content-Type": "text/plain"}).status == 200


def test_ten_thousand_rows_are_scored(service: ServiceProcess) -> None:
    reply = service.score({"data": make_rows(10_000)})
    assert reply.status == 200
    assert len(reply.result) == 10_000


def test_a_chunked_body_is_read(service: ServiceProcess) -> None:
    text = json.dumps({"data": ROWS}).encode()
    pieces = (text[start : start + 1000] for start in range(0, len(text), 1000))
    reply = service.request("POST", "/score", pieces, {"Authorization": f"Bearer {PRIMARY}"})
    assert reply.status == 200
    assert len(reply.result) == len(ROWS)


def test_request_ids_are_echoed(service: ServiceProcess) -> None:
    sent = {"x-ms-request-id": "abc-1", "x-ms-client-request-id": "mine"}
    for reply in (service.score({"data": ROWS[:1]}, headers=sent), service.score({}, headers=sent)):
        assert (reply.headers["x-ms-request-id"], reply.headers["x-ms-client-request-id"]) == ("abc-1", "mine")


@pytest.mark.parametrize("given", [None, "x" * 200, "with space", ""])
def test_every_answer_has_a_request_id(service: ServiceProcess, given: str | None) -> None:
    headers = {} if given is None else {"x-ms-request-id": given}
    first, second = (service.request("GET", "/", headers=headers).headers["x-ms-request-id"] for _ in range(2))
    assert first != second
    assert first != given


def test_health(service: ServiceProcess) -> None:
    reply = service.request("GET", "/")
    assert (reply.status, reply.body) == (200, b"Healthy")


def test_cors_preflight_allows_the_authorization_header(service: ServiceProcess) -> None:
    asked = {
        "Origin": "https://swagger.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    reply = service.request("OPTIONS", "/score", headers=asked)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert "authorization" in reply.headers["access-control-allow-headers"].lower()
    assert "x-ms-request-id" in reply.headers


def test_a_public_page_gets_no_consent_to_reach_into_this_machine(service: ServiceProcess) -> None:
    asked = {
        "Origin": "https://public.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Private-Network": "true",
    }
    reply = service.request("OPTIONS", "/swagger.json", headers=asked)
    assert "access-control-allow-private-network" not in reply.headers


@pytest.mark.parametrize("key", [PRIMARY, "wrong"])
def test_a_browser_elsewhere_may_read_answers_and_refusals(service: ServiceProcess, key: str) -> None:
    reply = service.score({"data": ROWS[:1]}, key=key, headers={"Origin": "https://swagger.example"})
    assert reply.headers["access-control-allow-origin"] == "*"
