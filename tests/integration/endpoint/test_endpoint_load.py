import asyncio
import json
import os
import signal
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.integration.endpoint.scripted_service import CLOSE, HANG, Handler, Seen, Step, answer, reply, running

from azureml_endpoint.load import LoadReport, run_load

pytestmark = pytest.mark.integration

KEY = "k" * 32
BODY = b'{"data":[{"age":57}]}'
GOOD = answer(["yes"], "string")
GOOD_BODY = GOOD.partition(b"\r\n\r\n")[2]


def load(
    handler: Handler, *, requests: int = 60, concurrency: int = 4, **options: object
) -> tuple[LoadReport, list[Seen]]:
    settings: dict[str, Any] = {"warmup": 0, "timeout": 5.0} | options
    with running(handler) as service:
        report = run_load(
            service.scoring_uri,
            KEY,
            BODY,
            requests=requests,
            concurrency=concurrency,
            **settings,
        )
        return report, list(service.seen)


def every(nth: int, bad: Step | list[Step], good: Step | list[Step] = GOOD) -> Handler:
    return lambda seen: bad if seen.number % nth == nth - 1 else good


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_exactly_the_asked_requests_are_made_on_as_many_connections(concurrency: int) -> None:
    report, seen = load(lambda seen: GOOD, requests=300, concurrency=concurrency, warmup=25)
    assert (report.requests, report.failed, report.stopped) == (300, 0, "")
    assert (report.warmup_requests, report.warmup_failed) == (25, 0)
    assert report.by_status == {"200": 300}
    assert report.connections == concurrency
    assert len({request.connection for request in seen}) == concurrency
    assert len(seen) == 325
    assert report.bytes == 300 * len(GOOD_BODY)
    assert report.p95_ms is not None
    assert report.p99_ms is None
    assert report.min_ms is not None
    assert report.max_ms is not None
    assert 0 < report.min_ms <= report.max_ms < 5000
    assert sum(bucket.count for bucket in report.histogram) == 300


def test_what_is_sent_is_what_was_given() -> None:
    report, seen = load(lambda seen: GOOD, requests=3, concurrency=1)
    assert {request.body for request in seen} == {BODY}
    assert {request.headers["authorization"] for request in seen} == {f"Bearer {KEY}"}
    assert {request.headers["traceparent"].split("-")[1] for request in seen} == {report.operation_id}
    assert KEY not in repr(report)
    assert KEY not in json.dumps(report.to_dict())


def test_more_lanes_than_requests_make_no_more_requests() -> None:
    report, seen = load(lambda seen: GOOD, requests=3, concurrency=50)
    assert (report.requests, len(seen), report.concurrency) == (3, 3, 3)


def test_new_connections_on_request() -> None:
    report, seen = load(lambda seen: [GOOD, CLOSE], keep_alive=False)
    assert (report.requests, report.failed, report.connections) == (60, 0, 60)
    assert {request.headers["connection"] for request in seen} == {"close"}


@pytest.mark.parametrize(
    "steps",
    [
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"2\r\n" + GOOD_BODY[:2] + b"\r\n",
         b"%x\r\n" % (len(GOOD_BODY) - 2) + GOOD_BODY[2:] + b"\r\n0\r\n\r\n"],
        [GOOD[:20], GOOD[20:-5], GOOD[-5:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n", GOOD],
        [b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + GOOD],
        [GOOD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), CLOSE],
        [b"HTTP/1.1 200 OK\r\n\r\n" + GOOD_BODY, CLOSE],
        [b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n" % len(GOOD_BODY) + GOOD_BODY, CLOSE],
    ],
    ids=["chunked", "in pieces", "100", "103", "close announced", "ends with the connection", "HTTP/1.0"],
)  # fmt: skip
def test_every_way_to_end_an_answer_is_understood(steps: list[Step]) -> None:
    report, _ = load(lambda seen: steps)
    assert (report.requests, report.failed, report.errors) == (60, 0, ())
    assert report.bytes == 60 * len(GOOD_BODY)


def test_both_forms_and_changing_answers_are_good() -> None:
    report, _ = load(lambda seen: answer([str(seen.number)], "string" if seen.number % 2 else "object"))
    assert (report.requests, report.failed) == (60, 0)


@pytest.mark.parametrize(
    ("bad", "status", "words"),
    [
        (reply(503, {"error": {"message": "no capacity"}}), "503", "HTTP 503: no capacity"),
        (reply(401, {"error": {"message": f"bad key {KEY}"}}), "401", "HTTP 401: bad key ***"),
        (reply(200, {"error": "could not convert"}), "200", "could not convert"),
        (reply(200, b"<html>"), "200", "not JSON"),
    ],
)
def test_bad_answers_are_counted_apart_and_the_connection_is_kept(bad: bytes, status: str, words: str) -> None:
    report, _ = load(every(4, bad))
    assert (report.requests, report.failed, report.error_rate) == (60, 15, 0.25)
    assert sum(report.by_status.values()) == 60
    assert report.by_status[status] == (60 if status == "200" else 15)
    assert [error.count for error in report.errors] == [15]
    assert words in report.errors[0].message
    assert sum(bucket.count for bucket in report.histogram) == 45
    assert report.connections == 4


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([CLOSE], "connection lost"),
        ([GOOD[:-3], CLOSE], "in the middle of the answer"),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", CLOSE], "in the middle of the answer"),
        ([b"SSH-2.0-OpenSSH\r\n", CLOSE], "not HTTP"),
    ],
)
def test_a_lost_connection_fails_its_request_and_the_next_goes_on(steps: list[Step], words: str) -> None:
    report, seen = load(every(6, steps))
    assert (report.requests, report.failed, len(seen)) == (60, 10, 60)
    assert words in report.errors[0].message
    assert report.errors[0].count == 10
    assert report.by_status == {"200": 50}


def test_data_that_nobody_asked_for_does_not_pass_for_an_answer() -> None:
    report, _ = load(every(5, [GOOD + GOOD]), concurrency=1, requests=20)
    assert report.requests == 20
    assert len(report.percentiles) > 0
    assert report.by_status["200"] + report.failed >= 20


def test_requests_without_an_answer_in_time_fail_and_the_others_do_not() -> None:
    report, _ = load(every(10, [HANG]), timeout=2, requests=40)
    assert (report.requests, report.failed) == (40, 4)
    assert report.errors[0].message == "no complete answer within 2 s"
    assert report.max_ms is not None
    assert report.max_ms < 2000


def test_a_service_that_is_gone_ends_the_test() -> None:
    with running(lambda seen: GOOD) as service:
        uri = service.scoring_uri
    report = run_load(uri, KEY, BODY, requests=20_000, concurrency=8, warmup=0, timeout=5)
    assert report.failed == report.requests == 100
    assert report.asked == 20_000
    assert "gave up after 100 requests in a row" in report.stopped
    assert "Connection refused" in report.stopped
    assert report.requests_per_second == 0


def test_a_service_that_is_gone_during_warmup_makes_no_measured_request() -> None:
    report, _ = load(lambda seen: [CLOSE], warmup=500, requests=500)
    assert (report.requests, report.error_rate) == (0, None)
    assert report.warmup_failed >= 100
    assert "connection lost" in report.stopped


def test_a_name_that_does_not_resolve_is_counted_not_raised() -> None:
    report = run_load("http://no-such-host.invalid/score", None, BODY, requests=3, warmup=0, timeout=5, time_limit=20)
    assert report.failed == report.requests
    assert report.requests <= 3


def test_the_time_limit_ends_the_test_and_counts_only_what_ended() -> None:
    report, _ = load(lambda seen: GOOD if seen.number < 10 else HANG, concurrency=2, time_limit=0.5, timeout=60)
    assert (report.requests, report.failed) == (10, 0)
    assert "time limit of 0.5 s" in report.stopped


def test_a_service_with_its_own_limit_of_requests_per_connection() -> None:
    served: dict[int, int] = {}

    def handle(seen: Seen) -> list[Step]:
        served[seen.connection] = served.get(seen.connection, 0) + 1
        closing = GOOD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        return [closing, CLOSE] if served[seen.connection] == 7 else [GOOD]

    report, _ = load(handle, requests=140, concurrency=2)
    assert (report.requests, report.failed) == (140, 0)
    assert max(served.values()) == 7


def test_it_runs_inside_a_running_event_loop() -> None:
    async def inside() -> LoadReport:
        return run_load(service.scoring_uri, KEY, BODY, requests=20, warmup=0)

    with running(lambda seen: GOOD) as service:
        report = asyncio.run(inside())
    assert (report.requests, report.failed) == (20, 0)


class Interrupted(Exception):
    pass


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise Interrupted


def test_a_signal_ends_the_test_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())

    def handle(seen: Seen) -> Step:
        if seen.number == 5:
            os.kill(os.getpid(), signal.SIGUSR1)
        return GOOD if seen.number < 5 else HANG

    old = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with running(handle) as service, pytest.raises(Interrupted):
            run_load(service.scoring_uri, KEY, BODY, requests=1000, timeout=60)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "service.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def served_over_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_https_services_are_loaded(certificate: Path, served_over_tls: ssl.SSLContext) -> None:
    with running(lambda seen: GOOD, served_over_tls) as service:
        context = ssl.create_default_context(cafile=certificate)
        report = run_load(service.scoring_uri, KEY, BODY, requests=50, concurrency=4, warmup=0, ssl_context=context)
    assert (report.requests, report.failed, report.connections) == (50, 0, 4)


def test_a_certificate_that_is_not_trusted_fails_every_request(served_over_tls: ssl.SSLContext) -> None:
    with running(lambda seen: GOOD, served_over_tls) as service:
        report = run_load(service.scoring_uri, KEY, BODY, requests=5, warmup=0)
    assert (report.requests, report.failed) == (5, 5)
    assert "certificate" in report.errors[0].message.lower()
    assert service.seen == []
