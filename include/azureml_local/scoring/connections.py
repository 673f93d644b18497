"""HTTP connections that hold nothing for ever: who stalls in the middle of a request or an answer is dropped.

uvicorn limits only the pause between two requests of a connection. A timer per request would cost every client;
here each connection notes when it heard something, and one task looks at all of them twice a second.
"""

from __future__ import annotations

import asyncio
import time

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LOOK_SECONDS = 0.5
_PATIENCE_AT_THE_END = 1.0
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
        self.unread_bytes = 0
        self.unread_since = self.heard_at

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
        """Close the connection when its request, or the reading of its answer, stalls. All in seconds."""
        if self.transport.is_closing():
            return
        if self._answer_stalls(now, body_timeout):
            self.transport.abort()
        elif self._request_is_late(now, body_timeout, idle_timeout):
            if self.has_spoken and (self.cycle is None or not self.cycle.response_started):
                self.transport.write(_TIMED_OUT % (len(_TIMED_OUT_BODY), _TIMED_OUT_BODY))
            self.transport.close()

    def _request_is_late(self, now: float, body_timeout: float, idle_timeout: float) -> bool:
        silent = now - self.heard_at
        if not self.has_spoken:
            return silent > idle_timeout
        if self.began_at is None or self.flow.read_paused:
            return False  # whole and being answered, or it is we who do not read
        return silent > body_timeout or now - self.began_at > _WHOLE_REQUEST_FACTOR * body_timeout

    def _answer_stalls(self, now: float, timeout: float) -> bool:
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread != self.unread_bytes:
            self.unread_bytes, self.unread_since = unread, now
        return unread > 0 and now - self.unread_since > timeout


async def drop_late_connections(server: uvicorn.Server, body_timeout: float, idle_timeout: float) -> None:
    """Look after all connections of `server` until cancelled. Once it is ending, it waits for nobody for long."""
    while True:
        await asyncio.sleep(min(_LOOK_SECONDS, body_timeout / 4))
        now = time.monotonic()
        patience = min(body_timeout, _PATIENCE_AT_THE_END) if server.should_exit else body_timeout
        for connection in list(server.server_state.connections):
            if isinstance(connection, PatientConnection):
                connection.drop_if_late(now, patience, idle_timeout)
