"""The wire shape of a web service: request bodies out, answers and errors in.

`POST /score` takes `{"data": [{column: value}, ...]}`, with `"method": "predict_proba"` beside it for probabilities.
The answer has two forms, chosen when the service is deployed: the one of Azure's own AutoML scoring script, a JSON
string that holds JSON (`"{\\"result\\": [...]}"`), and the plain object `{"result": [...]}`. Readers here take both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from azureml_endpoint.errors import RowsRefused, UnexpectedReply
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record, ResponseFormat

Method = Literal["predict", "predict_proba"]

MESSAGE_LIMIT = 500
"""Characters of a service's own words that are passed on; the rest belongs in the service's log."""


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """A decoded answer: one entry of `result` per row (label or list of probabilities), and the form it came in."""

    result: tuple[Any, ...]
    response_format: ResponseFormat


def encode_request(rows: Sequence[Mapping[str, Any]], method: Method = "predict") -> bytes:
    """The body of `POST /score`. Dates become ISO 8601; `predict` is left out, being every service's default.

    :raises InvalidRequest: a value has no JSON form (NaN and infinity have none); names row (from 0) and column.
    """
    body: dict[str, Any] = {"data": [dict(row) for row in rows]}
    if method != "predict":
        body["method"] = method
    try:
        return json.dumps(body, default=_json_value, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise InvalidRequest(_unencodable(rows)) from error


def decode_answer(body: bytes) -> Answer:
    """Read the body of a 200 from `POST /score`, in either form.

    :raises RowsRefused: the body is `{"error": ...}`, which is how Azure's scoring scripts report a failure with a 200.
    :raises UnexpectedReply: the body is not an answer.
    """
    payload = _parse(body)
    response_format: ResponseFormat = "object"
    if isinstance(payload, str):
        response_format = "string"
        payload = _parse(payload)
    if isinstance(payload, dict) and isinstance(payload.get("result"), list):
        return Answer(result=tuple(payload["result"]), response_format=response_format)
    if isinstance(payload, dict) and "error" in payload:
        raise RowsRefused(f"The scoring script failed: {decode_error(body)}")
    raise UnexpectedReply(
        f'The web service answered {excerpt(body)}, where {{"result": [...]}} was expected, plain or as a JSON string.'
    )


def decode_error(body: bytes) -> str:
    """The message of an error answer, in whichever of the known forms it came, on one line and cut to a fair length.

    Known: ours and Azure's `{"error": {"code", "message", "details": [...]}}`, the scripts' `{"error": "text"}`,
    `{"message"}` and `{"detail"}` of other front ends, each also double-encoded, and plain text.
    """
    try:
        payload = json.loads(body)
        if isinstance(payload, str):
            payload = json.loads(payload)
    except ValueError:
        return excerpt(body)
    return _shorten(_message_of(payload)) or excerpt(body)


def excerpt(body: bytes) -> str:
    """The start of a body for a message to a person; `(empty)` when there is none."""
    return _shorten(body[: 4 * MESSAGE_LIMIT].decode("utf-8", "replace")) or "(empty)"


def _message_of(payload: object) -> str:
    if isinstance(payload, str):
        return payload
    if not isinstance(payload, dict):
        return ""
    fields = {str(key).lower(): value for key, value in payload.items()}
    for name in ("error", "message", "detail"):
        if fields.get(name):
            text = _message_of(fields[name]) if isinstance(fields[name], dict) else str(fields[name])
            return "; ".join([text, *_details_of(fields.get("details"))])
    return ""


def _details_of(details: object) -> list[str]:
    """Azure puts the cause into `details`, below a message as general as "The request is invalid."."""
    if not isinstance(details, list):
        return []
    return [text for text in map(_message_of, details) if text]


def _parse(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raw = text if isinstance(text, bytes) else text.encode()
        raise UnexpectedReply(f"The web service answered {excerpt(raw)}, which is not JSON.") from error


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 3] + "..."


def _json_value(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _unencodable(rows: Sequence[Mapping[str, Any]]) -> str:
    for number, row in enumerate(rows):
        for column, value in row.items():
            try:
                json.dumps(value, default=_json_value, allow_nan=False)
            except (TypeError, ValueError):
                return (
                    f"row {number}, column {column!r}: {value!r} ({type(value).__name__}) has no JSON form; "
                    "send a number, a text, true, false or null."
                )
    return "the rows have no JSON form; send objects of column names and plain values."
