import json
import threading
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from tests.integration.endpoint.scripted_service import CLOSE, HANG, Seen, answer, reply, running

from azureml_endpoint.contract import ServiceContract
from azureml_endpoint.errors import EndpointUnavailable, KeyRefused, UnexpectedReply
from azureml_endpoint.score import ScoringClient
from azureml_workspace import errors

pytestmark = pytest.mark.integration

KEY = "k" * 32
ROWS: list[dict[str, Any]] = [{"age": 57, "job": "technician"}, {"age": 55, "job": None}]


@pytest.mark.parametrize("response_format", ["string", "object"])
def test_rows_are_scored_in_both_forms(response_format: str) -> None:
    with (
        running(lambda seen: answer(["yes", "no"], response_format)) as service,
        ScoringClient(service.scoring_uri, KEY) as client,
    ):
        result = client.score(ROWS)
    assert (result.result, result.status, result.response_format) == (("yes", "no"), 200, response_format)
    assert result.latency_ms > 0
    (request,) = service.seen
    assert (request.method, request.path, request.json) == ("POST", "/score", {"data": ROWS})
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["traceparent"].split("-")[1] == result.operation_id
    assert request.headers["x-ms-request-id"]


def test_the_request_id_of_the_service_and_the_given_trace_are_kept() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    with (
        running(lambda seen: reply(body={"result": [[0.9, 0.1], [0.2, 0.8]]}, x_ms_request_id="r-7")) as service,
        ScoringClient(service.scoring_uri) as client,
    ):
        result = client.score(ROWS, "predict_proba", traceparent=trace)
    assert (result.request_id, result.operation_id) == ("r-7", "a" * 32)
    assert service.seen[0].json["method"] == "predict_proba"
    assert service.seen[0].headers["traceparent"] == trace
    assert "authorization" not in service.seen[0].headers


def test_one_connection_serves_many_calls() -> None:
    with running(lambda seen: answer(["yes"])) as service, ScoringClient(service.scoring_uri) as client:
        for _ in range(3):
            client.score([{}])
    assert {request.connection for request in service.seen} == {0}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (403, errors.Unauthorized),
        (404, errors.NotFound),
        (413, errors.InvalidRequest),
        (429, errors.Throttled),
        (502, errors.ServiceUnavailable),
    ],
)
def test_a_refusal_is_the_error_of_its_kind_in_the_words_of_the_service(status: int, kind: type[Exception]) -> None:
    refusal = reply(status, {"error": {"code": "X", "message": "row 1: age is missing"}}, x_ms_request_id="r-9")
    with (
        running(lambda seen: refusal) as service,
        ScoringClient(service.scoring_uri, KEY) as client,
        pytest.raises(kind, match="row 1: age is missing") as caught,
    ):
        client.score(ROWS)
    assert caught.value.request_id == "r-9"  # type: ignore[attr-defined]
    assert caught.value.status == status  # type: ignore[attr-defined]


def test_throttling_says_how_long_to_wait() -> None:
    with (
        running(lambda seen: reply(429, b"slow", retry_after="7")) as service,
        ScoringClient(service.scoring_uri) as client,
        pytest.raises(errors.Throttled) as caught,
    ):
        client.score(ROWS)
    assert caught.value.retry_after == 7


def test_a_service_that_repeats_the_key_does_not_give_it_away() -> None:
    refusal = reply(401, {"error": {"message": f"no such key: {KEY}"}})
    with (
        running(lambda seen: refusal) as service,
        ScoringClient(service.scoring_uri, KEY) as client,
        pytest.raises(KeyRefused) as caught,
    ):
        client.score(ROWS)
    shown = f"{caught.value} {caught.value!r} {caught.value.args} {caught.value.__cause__} {client!r}"
    assert KEY not in shown
    assert "no such key: ***" in shown


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b'{"labels": []}', b'{"result": ["yes"]}'])
def test_an_answer_of_another_shape_or_count_is_unexpected(body: bytes) -> None:
    with (
        running(lambda seen: reply(body=body)) as service,
        ScoringClient(service.scoring_uri) as client,
        pytest.raises(UnexpectedReply),
    ):
        client.score(ROWS)


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with (
        running(lambda seen: answer(["yes", "no"])) as other,
        running(lambda seen: reply(307, b"", location=other.scoring_uri)) as service,
        ScoringClient(service.scoring_uri, KEY) as client,
        pytest.raises(UnexpectedReply, match="redirects to"),
    ):
        client.score(ROWS)
    assert other.seen == []


def test_credentials_of_a_netrc_file_do_not_replace_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr("azureml_endpoint.transport.is_loopback", lambda host: False)
    with running(lambda seen: answer(["yes", "no"])) as service:
        for key, expected in ((KEY, f"Bearer {KEY}"), (None, None)):
            with ScoringClient(service.scoring_uri, key) as client:
                client.score(ROWS)
            assert service.seen[-1].headers.get("authorization") == expected


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with running(lambda seen: answer(["yes", "no"])) as service, ScoringClient(service.scoring_uri) as client:
        assert client.score(ROWS).result == ("yes", "no")


@pytest.mark.parametrize(
    "steps",
    [
        [CLOSE],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", CLOSE],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", CLOSE],
        [b"SSH-2.0-OpenSSH\r\n", CLOSE],
    ],
)
def test_a_lost_connection_is_an_unavailable_service(steps: list[bytes | str]) -> None:
    with (
        running(lambda seen: steps) as service,
        ScoringClient(service.scoring_uri, KEY) as client,
        pytest.raises(EndpointUnavailable),
    ):
        client.score(ROWS)


def test_no_service_at_all_is_named() -> None:
    with running(lambda seen: answer([])) as service:
        uri = service.scoring_uri
    with ScoringClient(uri) as client, pytest.raises(EndpointUnavailable, match="Connection refused"):
        client.score(ROWS)


@pytest.mark.parametrize("steps", [[HANG], [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", HANG]])
def test_an_answer_that_does_not_end_is_given_up(steps: list[bytes | str]) -> None:
    with (
        running(lambda seen: steps) as service,
        ScoringClient(service.scoring_uri, timeout=0.2) as client,
        pytest.raises(EndpointUnavailable, match=r"within 0\.2 s"),
    ):
        client.score(ROWS)


@pytest.mark.parametrize(
    ("framing", "piece"), [(b"transfer-encoding: chunked", b"1\r\n \r\n"), (b"content-length: 60000000", b" ")]
)
def test_an_answer_that_dribbles_is_given_up_as_a_whole(framing: bytes, piece: bytes) -> None:
    dribble: list[bytes | str] = [b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n", *([piece] * 500_000), HANG]
    with (
        running(lambda seen: dribble) as service,
        ScoringClient(service.scoring_uri, timeout=0.3) as client,
        pytest.raises(EndpointUnavailable, match=r"within 0\.3 s"),
    ):
        client.score(ROWS)


def test_threads_may_share_a_service_with_a_client_each() -> None:
    results: list[tuple[Any, ...]] = []

    def score() -> None:
        with ScoringClient(service.scoring_uri) as client:
            results.append(client.score([{}]).result)

    with running(lambda seen: answer(["yes"])) as service:
        threads = [threading.Thread(target=score) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [("yes",)] * 5


def test_the_contract_is_fetched_from_beside_the_scoring_uri_with_the_key() -> None:
    document = {"swagger": "2.0", "definitions": {"ServiceInput": {}, "ServiceOutput": {}}}

    def handle(seen: Seen) -> bytes:
        return reply(body=document) if urllib.parse.urlsplit(seen.path).path == "/swagger.json" else reply(404)

    with running(handle) as service:
        assert ServiceContract.fetch(service.scoring_uri, KEY).version == "2.0"
        assert service.seen[0].headers["authorization"] == f"Bearer {KEY}"
        with pytest.raises(errors.NotFound):
            ServiceContract.fetch(service.scoring_uri, swagger_uri=f"{service.origin}/elsewhere")


def test_an_unknown_body_is_passed_on_as_json_text() -> None:
    with (
        running(lambda seen: reply(500, json.dumps("went wrong").encode())) as service,
        ScoringClient(service.scoring_uri) as client,
        pytest.raises(errors.ServiceUnavailable, match="went wrong"),
    ):
        client.score(ROWS)
