"""Sending answers, and noting refusals in the service log: who was refused why, never what was sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from starlette.types import Scope, Send

from azureml_local.scoring.refusals import Refusal
from azureml_local.scoring.request_ids import request_id_of

log = logging.getLogger(__name__)

_LINES_PER_SECOND = 10


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


class _RefusalLines:
    """Log lines with a limit: a client that hammers with a wrong key must not fill the disk."""

    def __init__(self) -> None:
        self._second = 0
        self._written = 0
        self._withheld = 0

    def note(self, line: str) -> None:
        second = int(time.monotonic())
        if second != self._second:
            if self._withheld:
                log.warning("... and %d more refused requests", self._withheld)
            self._second, self._written, self._withheld = second, 0, 0
        if self._written < _LINES_PER_SECOND:
            self._written += 1
            log.warning("%s", line)
        else:
            self._withheld += 1


_refusal_lines = _RefusalLines()
