"""Score rows with a web service."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from azureml_endpoint.errors import EndpointError, UnexpectedReply
from azureml_endpoint.transport import Reply, Transport, check_key
from azureml_endpoint.wire import Method, decode_answer, encode_request
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record, ResponseFormat

PURPOSE_HEADER = "x-azureml-purpose"
"""Says why rows are sent, when it is not to have them scored: such rows say nothing of what clients send."""

TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, level 1."""


@dataclass(frozen=True, kw_only=True)
class ScoreResult(Record):
    """What the service said: one entry of `result` per row, a label or a list of probabilities in class order.

    `latency_ms` runs from sending to the last byte, connection included. `operation_id` is the trace id that the
    request carried, which Application Insights keeps as the operation id; `request_id` is the service's own.
    """

    result: tuple[Any, ...]
    latency_ms: float
    request_id: str | None
    operation_id: str
    status: int
    response_format: ResponseFormat


class ScoringClient:
    """A client of one scoring URI. The key is never shown, not by `repr` and not by an error.

    `timeout` bounds each call as a whole, in seconds. `purpose` is sent in `PURPOSE_HEADER`, unless it is empty.
    Close it, or use `with`.
    """

    def __init__(self, scoring_uri: str, key: str | None = None, timeout: float = 30.0, *, purpose: str = "") -> None:
        self.scoring_uri = scoring_uri
        self._key = check_key(key)
        self._purpose = {PURPOSE_HEADER: purpose} if purpose else {}
        self._transport = Transport(scoring_uri, timeout)

    def __repr__(self) -> str:
        return f"ScoringClient({self.scoring_uri!r}, key={'given' if self._key else None})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def score(
        self, rows: Sequence[Mapping[str, Any]], method: Method = "predict", *, traceparent: str | None = None
    ) -> ScoreResult:
        """Score `rows`; `predict_proba` asks for probabilities. `traceparent` (W3C) joins a trace that exists.

        :raises InvalidRequest: a row cannot be sent, or (`RowsRefused`) the service refused the rows and says why.
        :raises Unauthorized: the key was refused.
        :raises NotFound: nothing answers under this URI.
        :raises Throttled: the service asks for fewer requests.
        :raises ServiceUnavailable: no answer, or 5xx.
        :raises UnexpectedReply: an answer that is not of the wire shape, or not one entry per row.
        """
        trace = traceparent or new_traceparent()
        if not TRACEPARENT.fullmatch(trace):
            raise InvalidRequest(f"traceparent {trace!r} is not of the form 00-<32 hex digits>-<16>-<2>.")
        reply = self._transport.exchange(
            "POST",
            self.scoring_uri,
            key=self._key,
            body=encode_request(rows, method),
            headers=request_headers(trace) | self._purpose,
        )
        try:
            return _result(reply, len(rows), operation_id=trace.split("-")[1])
        except EndpointError as error:
            raise hide_key(error, self._key) from None


def request_headers(traceparent: str) -> dict[str, str]:
    """Headers of a scoring request, with a new request id."""
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "x-ms-request-id": str(uuid.uuid4()),
        "traceparent": traceparent,
    }


def new_traceparent() -> str:
    """A W3C trace context header that starts a new, sampled trace: `00-<trace id>-<parent id>-01`."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def hide_key(error: EndpointError, key: str | None) -> EndpointError:
    """The same error with the key blotted out, because a service may repeat what it was sent."""
    if key:
        error.args = tuple(arg.replace(key, "***") if isinstance(arg, str) else arg for arg in error.args)
    return error


def _result(reply: Reply, rows: int, operation_id: str) -> ScoreResult:
    if reply.status != 200:
        raise reply.error()
    try:
        answer = decode_answer(reply.body)
        if len(answer.result) != rows:
            raise UnexpectedReply(f"The web service answered {len(answer.result)} results for {rows} rows.")
    except EndpointError as error:
        error.status, error.request_id = reply.status, reply.request_id
        raise
    return ScoreResult(
        result=answer.result,
        latency_ms=reply.latency_ms,
        request_id=reply.request_id,
        operation_id=operation_id,
        status=reply.status,
        response_format=answer.response_format,
    )
