"""Handlers that read a JSON body, work in a thread, and answer with JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import require_encodable

T = TypeVar("T")

Work = Callable[[Request, Any], Any]
"""Gets the request and its decoded body (an empty dict when there is none); gives what is to be sent as JSON, or a
whole answer."""


def answering(work: Work) -> Callable[[Request], Awaitable[Response]]:
    """The handler that does `work`."""

    async def handler(request: Request) -> Response:
        body = decoded(await request.body())
        result = await run_in_threadpool(work, request, body)
        return result if isinstance(result, Response) else JSONResponse(result)

    return handler


def decoded(content: bytes) -> Any:
    """The JSON in `content`. :raises InvalidRequest: it is none."""
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON ({error}).") from error
    require_encodable(body, "the body")
    return body


def as_object(body: Any) -> dict[str, Any]:
    """:raises InvalidRequest: the body is JSON of another kind."""
    if not isinstance(body, dict):
        raise InvalidRequest(f"the body is a JSON {type(body).__name__}; an object is expected.")
    return body


def list_in(body: Any, name: str) -> list[Any]:
    """The list of that name in the body; an empty one when there is none. :raises InvalidRequest: it is no list."""
    found = as_object(body).get(name)
    if found is not None and not isinstance(found, list):
        raise InvalidRequest(f"{name} is a JSON {type(found).__name__}; a list is expected.")
    return found or []


class PascalBody(msgspec.Struct, rename="pascal"):
    """A body, or a part of one, whose fields have their names in PascalCase."""


def read(body: Any, kind: type[T]) -> T:
    """:raises InvalidRequest: a field is missing, or of another type."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the body cannot be used: {error}.") from error
