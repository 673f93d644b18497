"""One connection of the load generator: sends a request, reads its answer (HTTP/1.1, RFC 9112)."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Protocol, cast

import httptools

MAX_ANSWER_BYTES = 64 * 1024 * 1024


class Lane(Protocol):
    """Who owns a connection and hears what becomes of it."""

    def opened(self, connection: Connection) -> None:
        """The connection is there."""

    def closed(self) -> None:
        """The connection is gone, without a request under way."""

    def answered(self, status: int, body: bytes, now: float) -> None:
        """An answer is complete; `now` is when, on `perf_counter`."""

    def lost(self, reason: str) -> None:
        """The connection is gone, and the request under way will not be answered."""


class Connection(asyncio.Protocol):
    """One connection, and the answer that is arriving on it."""

    def __init__(self, lane: Lane, request: bytes, *, keep_alive: bool) -> None:
        self._lane: Lane | None = lane
        self._request = request
        self._keep_alive = keep_alive
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting = False
        self._begin()

    def _begin(self) -> None:
        self._status = 0
        self._framed = False
        self._keep = False
        self._complete = False
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def usable(self) -> bool:
        """Whether a request can be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self) -> None:
        """Send the request."""
        if self._transport is not None:
            self._waiting = True
            self._begin()
            self._transport.write(self._request)

    def abandon(self) -> None:
        """Close at once and report nothing more."""
        self._lane = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._lane is None:
            self._transport.abort()
        else:
            self._lane.opened(self)

    def data_received(self, data: bytes) -> None:
        if not self._waiting:
            self._fail("data that nobody asked for")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is not HTTP: {error}")
        else:
            if self._complete:
                self._finish()
            elif self._size > MAX_ANSWER_BYTES:
                self._fail(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lane is None:
            return
        if not self._waiting:
            self._lane.closed()
        elif self._status and not self._framed and exc is None:
            self._finish()  # without a length the answer ends where the connection does (RFC 9112, 6.3)
        else:
            self._fail("connection lost in the middle of the answer" if self._status else "connection lost")

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: ARG002 - the parser's signature
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._size += len(body)

    def on_message_complete(self) -> None:
        if self._status < 200:
            self._begin()  # an interim answer (100 Continue, 103 Early Hints); the real one follows
        else:
            self._complete = True

    def _finish(self) -> None:
        now = perf_counter()
        lane, self._waiting = self._lane, False
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        status = self._status
        self._complete = False
        if lane is None:
            return
        if not (self._keep and self._keep_alive):
            self._lane = None
            lane.closed()
            if self._transport is not None:
                self._transport.close()
        lane.answered(status, body, now)

    def _fail(self, reason: str) -> None:
        lane, self._lane = self._lane, None
        if self._transport is not None:
            self._transport.abort()
        if lane is None:
            return
        if self._waiting:
            lane.lost(reason)
        else:
            lane.closed()
