"""What all entities of the pipelines service have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from azureml_local.azure_api.documents import Document
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

ACTIVE, DEPRECATED, DISABLED = "Active", "Deprecated", "Disabled"
_STATUSES = (ACTIVE, DEPRECATED, DISABLED)
"""In the order of their numbers: clients send either."""


def entity(key: str, created: datetime | None = None, *, status: str = ACTIVE) -> Document:
    """The fields that every entity has. Requests here make no condition of the tag, so it is constant."""
    moment = (created or datetime.now(UTC)).isoformat()
    return {
        "Id": key,
        "Etag": '"0"',
        "CreatedDate": moment,
        "LastModifiedDate": moment,
        "EntityStatus": status,
    }


def read_status(given: Any) -> str:
    """A status by its name or its number. :raises InvalidRequest: it is neither."""
    text = str(given)
    if text.isdecimal() and int(text) < len(_STATUSES):
        return _STATUSES[int(text)]
    if text not in _STATUSES:
        raise InvalidRequest(f"status is {shown(text)}; give one of {', '.join(_STATUSES)}.")
    return text


def is_wanted(active_only: str | None, status: str) -> bool:
    """Whether an entity of this status belongs into a list that was asked for with `activeOnly`."""
    return (active_only or "false").lower() != "true" or status == ACTIVE
