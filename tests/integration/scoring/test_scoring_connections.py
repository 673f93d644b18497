"""Clients that are slow, idle, many or huge do not keep others waiting."""

from __future__ import annotations

import json
import select
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integration.scoring.conftest import StartService
from tests.integration.scoring.packages import build_slow_package, make_rows
from tests.integration.scoring.services import PRIMARY, ServiceProcess, exchange, wait_for

pytestmark = pytest.mark.integration

GOOD = {"data": make_rows(2)}
HEAD = f"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {PRIMARY}\r\n".encode()


def read_all(client: socket.socket) -> bytes:
    """Until the server closes the connection."""
    received = b""
    while piece := client.recv(65_536):
        received += piece
    return received


def has_been_answered(client: socket.socket) -> bool:
    return bool(select.select([client], [], [], 0)[0])


def test_200_idle_connections(service: ServiceProcess) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(service.socket()) for _ in range(200)]
        assert service.score(GOOD).status == 200
        assert not any(has_been_answered(client) for client in idle), "an idle connection was closed early"
        idle[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"Healthy" in read_all(idle[-1])


@pytest.mark.parametrize(
    "half",
    [
        HEAD + b'Content-Length: 1000\r\n\r\n{"data": [',
        HEAD + b"Content-Length: 1000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        HEAD[:40],
        b"P",
    ],
    ids=["half a body", "headers alone", "half a chunk", "half the headers", "one byte"],
)
def test_a_half_sent_request_blocks_nobody_and_is_dropped(start_service: StartService, half: bytes) -> None:
    service = start_service(body_timeout=0.5)
    with ExitStack() as stack:
        stalled = [stack.enter_context(service.socket()) for _ in range(20)]
        for client in stalled:
            client.sendall(half)
        assert service.score(GOOD).status == 200
        for client in stalled:
            answer = read_all(client)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"did not arrive in time" in answer
    assert service.score(GOOD).status == 200


def test_a_connection_is_kept_between_requests(start_service: StartService) -> None:
    service = start_service(body_timeout=0.2)
    connection = service.connect()
    assert exchange(connection, "GET", "/").status == 200
    kept = connection.sock
    with service.socket() as stalled:
        stalled.sendall(HEAD)
        read_all(stalled)  # several body timeouts later
    assert exchange(connection, "GET", "/").status == 200
    assert connection.sock is kept
    connection.close()


def test_an_idle_connection_is_closed_in_the_end(start_service: StartService) -> None:
    service = start_service(body_timeout=0.2, idle_timeout=1)
    with service.socket() as client:
        assert read_all(client) == b""


def test_a_dropped_request_is_counted(start_service: StartService) -> None:
    service = start_service(body_timeout=0.2, app_insights_enabled=True)
    with service.socket() as client:
        client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        read_all(client)
    summary = wait_for(lambda: found if (found := service.summary()).count else None)
    assert summary.by_status == {"408": 1}


def test_a_client_that_leaves_is_no_trouble(service: ServiceProcess) -> None:
    body = json.dumps({"data": make_rows(1000)}).encode()
    for _ in range(5):
        with service.socket() as client:
            client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert service.score(GOOD).status == 200
    assert "Traceback" not in service.log_text


def test_a_client_that_does_not_read_its_answers_is_dropped(start_service: StartService) -> None:
    service = start_service(body_timeout=0.3)
    body = json.dumps({"data": make_rows(10_000), "method": "predict_proba"}).encode()
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with service.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.sendall(one * 40)
    assert service.score(GOOD).status == 200


def test_requests_may_be_sent_in_one_go(service: ServiceProcess) -> None:
    body = json.dumps(GOOD).encode()
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with service.socket() as client:
        client.sendall(one * 9 + one.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        assert read_all(client).count(b"HTTP/1.1 200 ") == 10


def test_small_requests_overtake_a_long_batch(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(build_slow_package(tmp_path / "slow"))
    body = json.dumps({"data": make_rows(10_000)}).encode()
    connection = service.connect()
    with service.socket() as client:
        client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        headers = {"Authorization": f"Bearer {PRIMARY}"}
        for _ in range(20):
            assert exchange(connection, "POST", "/score", json.dumps(GOOD).encode(), headers).status == 200
        assert not has_been_answered(client)
        assert client.recv(20).startswith(b"HTTP/1.1 200 ")
    connection.close()
