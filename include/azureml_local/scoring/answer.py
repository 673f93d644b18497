"""From the bytes of a request to the bytes of its answer: the part that is pure work, in whichever thread."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from azureml_local.scoring.decoder import Envelope, read_envelope
from azureml_local.scoring.model import LoadedModel
from azureml_local.scoring.script import ScriptModel
from azureml_workspace.records import ResponseFormat

_INLINE_BYTES = 64 * 1024
_INLINE_ROWS = 200
"""Up to here a request costs a millisecond or less, less than a thread's hand-over under load."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 of `model_version`. `rows` were scored, with `unseen` values of categories that training never saw.

    `inputs` are those rows as they were sent; none when only a script knows them.
    """

    body: bytes
    rows: int
    unseen: int
    model_version: int
    inputs: Sequence[msgspec.Raw] = ()


class Answerer:
    """Scores small requests at once and large ones in a thread, so that nobody waits for another's batch."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="batch")

    async def answer(
        self, model: LoadedModel | ScriptModel, body: bytes | bytearray, response_format: ResponseFormat
    ) -> Answer:
        """:raises InvalidRequest: the body is refused; the message says where and why."""
        if isinstance(model, ScriptModel):
            return await self._in_thread(functools.partial(_answer_of_script, model, body))
        if len(body) > _INLINE_BYTES:
            return await self._in_thread(functools.partial(_answer_body, model, body, response_format))
        envelope = read_envelope(body)
        if len(envelope.data) > _INLINE_ROWS:
            return await self._in_thread(functools.partial(_answer_envelope, model, envelope, response_format))
        return _answer_envelope(model, envelope, response_format)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: functools.partial[Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _answer_of_script(model: ScriptModel, body: bytes | bytearray) -> Answer:
    """Only the script knows what its rows are."""
    return Answer(model.answer(body), 0, 0, model.version)


def _answer_body(model: LoadedModel, body: bytes | bytearray, response_format: ResponseFormat) -> Answer:
    return _answer_envelope(model, read_envelope(body), response_format)


def _answer_envelope(model: LoadedModel, envelope: Envelope, response_format: ResponseFormat) -> Answer:
    scored = model.score(envelope.data, envelope.method)
    body = _encode({"result": scored.result})
    if response_format == "string":
        body = _encode(body.decode())
    return Answer(body, len(envelope.data), scored.unseen, model.version, envelope.data)
