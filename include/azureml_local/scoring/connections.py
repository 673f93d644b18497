"""HTTP connections that do not keep others waiting: who stalls in the middle of a request is dropped.

uvicorn limits only the pause between two requests of a connection. A timer per request would cost every client;
here each connection notes when it heard something, and one task looks at all of them every second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LOOK_SECONDS = 1.0
_WHOLE_REQUEST_FACTOR = 6
"""A client that sends a byte now and then never stalls, so the whole request has a limit as well."""

_TIMED_OUT = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
)
_TIMED_OUT_BODY = (
    b'{"error":{"code":"RequestTimeout","message":"the request did not arrive in time; the connection is closed."}}'
)


class PatientConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, which also knows for how long it has waited for the rest of a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected: it has not begun a request, so the idle timeout counts."""
        super().connection_made(transport)
        self.heard_at = time.monotonic()
        self.began_at: float | None = None
        self.has_spoken = False

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        self.heard_at = time.monotonic()
        if not self.has_spoken:
            self.has_spoken = True
            self.began_at = self.heard_at
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The first line of a request."""
        self.began_at = self.heard_at
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self.began_at = None
        super().on_message_complete()

    def drop_if_late(self, now: float, body_timeout: float, idle_timeout: float) -> None:
        """Close the connection when its request stalls; `now` and the timeouts are in seconds."""
        silent = now - self.heard_at
        if not self.has_spoken:
            late = silent > idle_timeout
        elif self.began_at is None or self.flow.read_paused:
            late = False  # whole and being answered, or it is we who do not read
        else:
            late = silent > body_timeout or now - self.began_at > _WHOLE_REQUEST_FACTOR * body_timeout
        if not late or self.transport.is_closing():
            return
        if self.has_spoken and (self.cycle is None or not self.cycle.response_started):
            self.transport.write(_TIMED_OUT % (len(_TIMED_OUT_BODY), _TIMED_OUT_BODY))
        self.transport.close()


async def drop_late_connections(connections: Iterable[Any], body_timeout: float, idle_timeout: float) -> None:
    """Look after `connections` (uvicorn's live set of them) until cancelled."""
    while True:
        await asyncio.sleep(min(_LOOK_SECONDS, body_timeout / 4))
        now = time.monotonic()
        for connection in list(connections):
            if isinstance(connection, PatientConnection):
                connection.drop_if_late(now, body_timeout, idle_timeout)
