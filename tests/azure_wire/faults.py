"""Faults that a test scripts: which requests meet them, how often, and what happens to them then."""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Act = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]


@dataclass
class Fault:
    """What the next `times` requests meet whose `METHOD /path` matches `pattern` (anywhere, without case)."""

    pattern: str
    act: Act
    times: int
    met: int = 0


@dataclass
class Script:
    """The faults of one server, and every request that came to it as `METHOD /path`."""

    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, pattern: str, act: Act, *, times: int = 1_000_000) -> Fault:
        """Script a fault; the last one added comes first."""
        fault = Fault(pattern, act, times)
        with self._lock:
            self.faults.insert(0, fault)
        return fault

    def clear(self) -> None:
        """No faults any more, and nothing seen."""
        with self._lock:
            self.faults.clear()
            self.seen.clear()

    def count(self, pattern: str) -> int:
        """How many requests came that match."""
        with self._lock:
            return sum(bool(re.search(pattern, request, re.IGNORECASE)) for request in self.seen)

    def meet(self, request: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            self.seen.append(request)
            for fault in self.faults:
                if fault.met < fault.times and re.search(fault.pattern, request, re.IGNORECASE):
                    fault.met += 1
                    return fault
        return None


class Faults:
    """The outermost middleware of the surface."""

    def __init__(self, app: ASGIApp, script: Script) -> None:
        self._app = app
        self._script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._script.meet(f"{scope['method']} {scope['path']}") if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await fault.act(self._app, scope, receive, send)


def answers(status: int, *, code: str = "Scripted", message: str = "scripted", **headers: str) -> Act:
    """An error of Azure's; `Retry_After="1"` becomes the header."""
    error = {"code": code, "message": message, "target": None, "details": [], "innerError": None}
    return sends({"error": error}, status=status, **headers)


def sends(body: Mapping[str, Any], *, status: int = 200, **headers: str) -> Act:
    """This JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def act(_: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = JSONResponse(dict(body), status_code=status, headers=named)
        await response(scope, receive, send)

    return act


def says(text: str, *, status: int = 200) -> Act:
    """This text, which is no JSON."""

    async def act(_: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(text, status_code=status, media_type="text/plain")(scope, receive, send)

    return act


def is_slow(seconds: float) -> Act:
    """The true answer, later."""

    async def act(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(seconds)
        await app(scope, receive, send)

    return act


def is_cut(*, after_work: bool = False) -> Act:
    """The connection is lost before a byte of the body; with `after_work` the request was carried out."""

    async def act(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if after_work:
            await app(scope, receive, _nowhere)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        # Returning now makes Uvicorn close the connection.

    return act


def is_truncated(*, honest_length: bool = False) -> Act:
    """Half of the true body; `honest_length`: with a length that says so, as of a proxy that cut it."""

    async def act(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def keep(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await app(scope, receive, keep)
        half = body[: len(body) // 2]
        if honest_length:
            others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            start = {**start, "headers": [*others, (b"content-length", str(len(half)).encode())]}
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": not honest_length})

    return act


async def _nowhere(_: Message) -> None:
    """A client that is gone."""
