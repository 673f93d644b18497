"""`POST /score`."""

from __future__ import annotations

import logging
import re
import time

from starlette.types import Receive, Scope, Send

from azureml_local.scoring.answer import Answer, Answerer
from azureml_local.scoring.body import BodyBuffers, check_announced_length, piece_of
from azureml_local.scoring.refusals import BodyNotReceived, Refusal, failed_inside, wrong_method
from azureml_local.scoring.replies import reply, reply_refusal
from azureml_local.scoring.request_ids import request_id_of
from azureml_local.scoring.serving import Serving
from azureml_workspace.errors import WorkspaceError

log = logging.getLogger(__name__)

_PURPOSE = b"x-azureml-purpose"
_OF_CLIENTS = (None, b"", b"client")
"""Purposes of the requests whose rows may be kept; tests, gates and batches say another."""
_TRACE_ID = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class ScoreEndpoint:
    """An ASGI application of one route. Every POST is recorded when insights are on, whatever becomes of it."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._answerer = Answerer()
        self._buffers = BodyBuffers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await reply_refusal(scope, send, wrong_method(scope["method"], "/score", "POST"))
            return
        at, began = time.time(), time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        answer = Answer(b"", 0, 0, self._serving.model.version)
        refusal = None
        try:
            answer = await self._answer(headers, receive)
        except Refusal as error:
            refusal = error
        except WorkspaceError as error:
            refusal = Refusal.of(error)
        except BodyNotReceived:
            refusal = Refusal(408, "RequestTimeout", "the body did not arrive: the client left or stalled.")
        except Exception:
            log.exception("request %s failed", request_id_of(scope))
            refusal = failed_inside(request_id_of(scope))
        if refusal is None:
            await reply(send, 200, answer.body)
        else:
            await reply_refusal(scope, send, refusal)
        insights = self._serving.insights
        if insights is not None:
            insights.record(
                (
                    at,
                    (time.perf_counter() - began) * 1000,
                    200 if refusal is None else refusal.status,
                    answer.rows,
                    answer.model_version,
                    answer.unseen,
                    _operation_id(headers, scope),
                    "" if refusal is None else refusal.message[:300],
                )
            )
        inputs = self._serving.inputs
        if inputs is not None and answer.inputs and headers.get(_PURPOSE) in _OF_CLIENTS:
            inputs.offer(at, answer.model_version, answer.inputs)

    def close(self) -> None:
        """End the threads of large batches."""
        self._answerer.close()

    async def _answer(self, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        serving = self._serving
        # Before the body: a client without a key costs nothing but its headers.
        serving.keys.check(headers.get(b"authorization"))
        check_announced_length(headers.get(b"content-length"))
        message = await receive()
        if not message.get("more_body"):
            return await self._score(piece_of(message))
        with self._buffers.lease() as lease:
            return await self._score(await lease.collect(message, receive))

    async def _score(self, body: bytes | bytearray) -> Answer:
        serving = self._serving
        return await self._answerer.answer(serving.model, body, serving.config.response_format)


def _operation_id(headers: dict[bytes, bytes], scope: Scope) -> str:
    """The trace id of a W3C `traceparent` (https://www.w3.org/TR/trace-context/), else the request id."""
    traceparent = headers.get(b"traceparent")
    trace = _TRACE_ID.match(traceparent) if traceparent else None
    return trace.group(1).decode() if trace else request_id_of(scope)
