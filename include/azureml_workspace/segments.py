"""Names as parts of URL paths."""

from __future__ import annotations

from urllib.parse import quote

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import require_encodable, shown


def segment(what: str, name: str) -> str:
    """`name` as one segment of a URL path. :raises InvalidRequest: it cannot be one."""
    if not name.strip(".") or "/" in name:
        raise InvalidRequest(f"{shown(name)} cannot be the name of a {what}: it must not be empty nor hold a slash.")
    require_encodable(name, f"the name of a {what}")
    return quote(name, safe="")
