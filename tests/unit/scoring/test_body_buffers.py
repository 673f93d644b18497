"""Bodies in pieces: limits on one, and on all together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from azureml_local.scoring.body import BodyBuffers, check_announced_length, piece_of
from azureml_local.scoring.refusals import MAX_BODY_BYTES, BodyNotReceived, Refusal

pytestmark = pytest.mark.unit


def message(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def collect(buffers: BodyBuffers, *messages: dict[str, Any]) -> bytes:
    rest = iter(messages[1:])

    async def receive() -> dict[str, Any]:
        return next(rest)

    with buffers.lease() as lease:
        return bytes(await lease.collect(messages[0], receive))


def test_pieces_are_joined() -> None:
    body = asyncio.run(collect(BodyBuffers(), message(b"ab"), message(b""), message(b"cd", more=False)))
    assert body == b"abcd"


def test_a_body_is_refused_as_soon_as_it_is_too_large() -> None:
    piece = message(b"x" * (MAX_BODY_BYTES // 2 + 1))
    with pytest.raises(Refusal) as refusal:
        asyncio.run(collect(BodyBuffers(), piece, piece))
    assert refusal.value.status == 413


def test_all_bodies_share_the_memory_and_give_it_back() -> None:
    async def scenario() -> None:
        buffers = BodyBuffers(most=10)
        with buffers.lease() as lease:

            async def receive() -> dict[str, Any]:
                with pytest.raises(Refusal) as refusal:
                    await collect(buffers, message(b"12345", more=False))
                assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "1"})
                return message(b"", more=False)

            assert await lease.collect(message(b"123456"), receive) == b"123456"
        assert await collect(buffers, message(b"0123456789", more=False)) == b"0123456789"

    asyncio.run(scenario())


def test_a_lost_connection_is_no_end_of_a_body() -> None:
    buffers = BodyBuffers(most=10)
    with pytest.raises(BodyNotReceived):
        asyncio.run(collect(buffers, message(b"0123456789"), {"type": "http.disconnect"}))
    assert asyncio.run(collect(buffers, message(b"0123456789", more=False)))
    with pytest.raises(BodyNotReceived):
        piece_of({"type": "http.disconnect"})


@pytest.mark.parametrize("length", [None, b"0", str(MAX_BODY_BYTES).encode(), b"junk"])
def test_announced_lengths_that_may_go_on(length: bytes | None) -> None:
    check_announced_length(length)


@pytest.mark.parametrize("length", [str(MAX_BODY_BYTES + 1).encode(), b"9" * 10_000])
def test_announced_lengths_that_are_refused(length: bytes) -> None:
    with pytest.raises(Refusal):
        check_announced_length(length)
