"""What the SDK raises, as errors of the seam."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from azureml_workspace.azure_v1.advice import STORAGE_REFUSED, advised
from azureml_workspace.azure_v1.errors import error_of_status, retry_after_in
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized, WorkspaceError

_STATUS = re.compile(r"(?:Response Code|status code|Code|Request failed)[\s\"':=(]+(\d{3})\b", re.IGNORECASE)
_CALLERS_FAULT = {"UserErrorException", "ValidationException", "ConfigException", "ValueError"}
_SIGN_IN = {"AuthenticationException", "AuthenticationError", "ClientAuthenticationError"}
# No answer came: of `requests`, urllib3 and azure-core. What else is in the chain then says nothing.
_NO_ANSWER = {
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "SSLError",
    "ProtocolError",
    "ChunkedEncodingError",
    "MaxRetryError",
    "ServiceRequestError",
    "ServiceResponseError",
}
_SECRETS = (
    (re.compile(r"(?i)([?&]sig=)[^&\s\"'<>]+"), r"\1***"),
    (re.compile(r"(?i)(\bBearer\s+)[\w.~+/=-]+"), r"\1***"),
    (re.compile(r"(?i)(\b(?:AccountKey|accountKey|SharedAccessSignature|credential|primaryKey|secondaryKey)"
                r"[\"']?\s*[=:]\s*[\"']?)[^\s;,\"'}]+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),
)  # fmt: skip
_LONGEST = 600


def seam_error(error: Exception) -> WorkspaceError:
    """The seam's error for `error`.

    The SDK's exceptions say little by their class: what decides is the HTTP status that caused them, which is an
    attribute of some and stands in the text of others.
    """
    if isinstance(error, WorkspaceError):
        return error
    kind, words = type(error).__name__, _words(error)
    if isinstance(error, ImportError):
        return InvalidRequest(f"a package of the Azure ML SDK is missing here ({words}); install requirements.txt.")
    if kind in _NO_ANSWER:
        return ServiceUnavailable(f"Azure ML does not answer the SDK: {kind}: {words}")
    if STORAGE_REFUSED in str(error):
        return Unauthorized(advised(f"{STORAGE_REFUSED}: {words}"))
    status, headers = _answer(error)
    if status is not None and status >= 400:
        return error_of_status(status, words, retry_after_in(headers))
    if kind in _SIGN_IN:
        return Unauthorized(words)
    if kind in _CALLERS_FAULT:
        return InvalidRequest(words)
    return ServiceUnavailable(f"the Azure ML SDK failed: {kind}: {words}")


def scrubbed(text: str) -> str:
    """`text` without signatures, tokens and keys."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _answer(error: Exception) -> tuple[int | None, Any]:
    """Status and headers of the answer that the error is about; the status alone when only the text has it."""
    for seen in _chain(error):
        if type(seen).__name__ in _NO_ANSWER:
            return None, {}
        for holder in (seen, getattr(seen, "response", None)):
            found: Any = getattr(holder, "status_code", None)
            if isinstance(found, int):
                return found, getattr(holder, "headers", None) or getattr(seen, "headers", None) or {}
    found_in_text = _STATUS.search(str(error))
    return (int(found_in_text[1]) if found_in_text else None), {}


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _words(error: Exception) -> str:
    """The message, out of the JSON document and the headers that the SDK puts around it."""
    text = str(getattr(error, "message", "") or error)
    start = text.find("{")
    if start >= 0:
        try:
            body = json.JSONDecoder().raw_decode(text[start:])[0]
            text = str(body["error"]["message"])
        except (ValueError, KeyError, TypeError):
            pass
    return scrubbed(" ".join(text.split()))[:_LONGEST] or type(error).__name__
