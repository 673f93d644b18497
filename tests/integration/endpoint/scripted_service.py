"""A web service whose every byte the test decides: asyncio streams in a thread, real sockets."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CLOSE = "close the connection"
HANG = "answer nothing more and keep the connection"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. `number` counts requests from 0, `connection` the connections."""

    number: int
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Step = bytes | str
Handler = Callable[[Seen], Step | list[Step]]


@dataclass
class ScriptedService:
    """Where it listens and what it saw."""

    origin: str
    seen: list[Seen] = field(default_factory=list)

    @property
    def scoring_uri(self) -> str:
        return f"{self.origin}/score"

    @property
    def scored(self) -> list[Seen]:
        return [request for request in self.seen if request.method == "POST"]


def reply(status: int = 200, body: object = "", **headers: str) -> bytes:
    """A whole answer with a length; a body other than bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def answer(result: list[Any], response_format: str = "object") -> bytes:
    """A good answer of `POST /score`."""
    payload: object = {"result": result}
    return reply(body=payload if response_format == "object" else json.dumps(payload))


class _Server:
    def __init__(self, handler: Handler, ssl_context: ssl.SSLContext | None) -> None:
        self._handler = handler
        self._ssl = ssl_context
        self._over = asyncio.Event()
        self._connections = 0
        self.service: ScriptedService | None = None

    async def run(self, ready: threading.Event, loops: list[asyncio.AbstractEventLoop]) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._ssl)
        port = server.sockets[0].getsockname()[1]
        self.service = ScriptedService(f"{'https' if self._ssl else 'http'}://127.0.0.1:{port}")
        loops.append(asyncio.get_running_loop())
        ready.set()
        await self._over.wait()
        server.close()

    def stop(self) -> None:
        self._over.set()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self._connections = self._connections, self._connections + 1
        try:
            while not self._over.is_set():
                request = await self._read(reader, number)
                steps = self._handler(request)
                for step in steps if isinstance(steps, list) else [steps]:
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    elif step == HANG:
                        await self._over.wait()
                    else:
                        return
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return  # the client has left, as clients do
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        assert self.service is not None
        request = Seen(len(self.service.seen), connection, method, path, headers, body)
        self.service.seen.append(request)
        return request


@contextmanager
def running(handler: Handler, ssl_context: ssl.SSLContext | None = None) -> Iterator[ScriptedService]:
    """The service, until the block ends."""
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    server = _Server(handler, ssl_context)
    thread = threading.Thread(target=lambda: asyncio.run(server.run(ready, loops)), daemon=True)
    thread.start()
    assert ready.wait(10)
    assert server.service is not None
    try:
        yield server.service
    finally:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(10)
