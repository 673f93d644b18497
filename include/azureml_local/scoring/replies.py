"""Sending answers, and noting refusals in the service log: who was refused why, never what was sent."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping

from starlette.types import Scope, Send

from azureml_local.scoring.refusals import Refusal
from azureml_local.scoring.request_ids import request_id_of

log = logging.getLogger(__name__)

LINES_PER_PERIOD = 20
PERIOD_SECONDS = 60.0


async def reply(send: Send, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Answer with a JSON body."""
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if headers:
        fields += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def reply_refusal(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer with a refusal, and log it."""
    _refusal_lines.note(
        f"{scope['method']} {scope['path'][:80]!r} {refusal.status} {request_id_of(scope)}: {refusal.message}"
    )
    await reply(send, refusal.status, refusal.body, refusal.headers)


class RefusalLines:
    """Log lines with a limit per minute: a client that hammers with a wrong key must not fill the disk."""

    def __init__(self) -> None:
        self._since = -math.inf
        self._written = 0
        self._withheld = 0

    def note(self, line: str) -> None:
        """Log a line, or count it for the summary at the end of its minute. Called in the event loop."""
        now = time.monotonic()
        if now - self._since >= PERIOD_SECONDS:
            self._since, self._written = now, 0
        if self._written < LINES_PER_PERIOD:
            self._written += 1
            log.warning("%s", line)
            return
        if not self._withheld:
            asyncio.get_running_loop().call_later(self._since + PERIOD_SECONDS - now, self._summarize)
        self._withheld += 1

    def _summarize(self) -> None:
        log.warning("... and %d more refused requests within a minute", self._withheld)
        self._withheld = 0


_refusal_lines = RefusalLines()
