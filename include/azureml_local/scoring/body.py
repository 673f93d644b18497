"""Request bodies: read with a limit, however they are sent, and never too many megabytes of them at a time."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Self

from starlette.types import Message, Receive

from azureml_local.scoring.refusals import MAX_BODY_BYTES, BodyNotReceived, body_too_large, too_busy

MAX_HELD_BYTES = 96 * 1024 * 1024
"""Of all bodies that are being collected or scored. A hundred clients with 10 MB each would be a gigabyte."""


class BodyBuffers:
    """The memory that bodies in several pieces may take, over all requests. For one event loop."""

    def __init__(self, most: int = MAX_HELD_BYTES) -> None:
        self._most = most
        self._held = 0

    def lease(self) -> BodyLease:
        """A context in which one body is collected; its memory counts as free again when the context ends."""
        return BodyLease(self)

    def take(self, size: int) -> None:
        """:raises Refusal: 503, there is no room for `size` bytes more."""
        if self._held + size > self._most:
            raise too_busy()
        self._held += size

    def give_back(self, size: int) -> None:
        """Of a body that is done with."""
        self._held -= size


class BodyLease:
    """One body's share of the buffers."""

    def __init__(self, buffers: BodyBuffers) -> None:
        self._buffers = buffers
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._buffers.give_back(self._taken)

    async def collect(self, first: Message, receive: Receive) -> bytearray:
        """The whole body, of which `first` is the first message.

        :raises Refusal: 413 as soon as it is too large, 503. :raises BodyNotReceived:
        """
        body = bytearray()
        message: MutableMapping[str, Any] = first
        while True:
            piece = piece_of(message)
            if len(body) + len(piece) > MAX_BODY_BYTES:
                raise body_too_large()
            self._buffers.take(len(piece))
            self._taken += len(piece)
            body += piece
            if not message.get("more_body"):
                return body
            message = await receive()


def check_announced_length(content_length: bytes | None) -> None:
    """Refuse a body by its `Content-Length`, before any of it is read. :raises Refusal: 413."""
    if content_length is not None and content_length.isdigit() and int(content_length[:20]) > MAX_BODY_BYTES:
        raise body_too_large()


def piece_of(message: Message) -> bytes:
    """The bytes of one ASGI message. :raises BodyNotReceived: it says that the connection is gone."""
    if message["type"] == "http.disconnect":
        raise BodyNotReceived
    piece: bytes = message.get("body", b"")
    return piece
