"""What the SDK raises, as errors of the seam."""

from __future__ import annotations

import json
import re
from typing import Any

from azureml_workspace.azure_v1.errors import error_of_status
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, WorkspaceError

_STATUS = re.compile(r"(?:Response Code|status code|Code)[\s\"':=]+(\d{3})\b", re.IGNORECASE)
_LONGEST = 600


def seam_error(error: Exception) -> WorkspaceError:
    """The seam's error for `error`.

    The SDK's exceptions say little by their class: what decides is the HTTP status that caused them, which is an
    attribute of some and stands in the text of others.
    """
    if isinstance(error, WorkspaceError):
        return error
    status, words = _status(error), _words(error)
    if status is not None and status >= 400:
        return error_of_status(status, words)
    if type(error).__name__ in {"UserErrorException", "ValidationException", "ConfigException", "ValueError"}:
        return InvalidRequest(words)
    return ServiceUnavailable(f"the Azure ML SDK failed: {type(error).__name__}: {words}")


def _status(error: Exception) -> int | None:
    seen: BaseException | None = error
    while seen is not None:
        for holder in (seen, getattr(seen, "response", None)):
            found: Any = getattr(holder, "status_code", None)
            if isinstance(found, int):
                return found
        seen = seen.__cause__ or seen.__context__
    found_in_text = _STATUS.search(str(error))
    return int(found_in_text[1]) if found_in_text else None


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
    return " ".join(text.split())[:_LONGEST] or type(error).__name__
