"""JSON Patch (RFC 6902), as far as the SDK sends it: a field of a document, or an entry of one of its dictionaries."""

from __future__ import annotations

from typing import Any

from azureml_workspace.errors import InvalidRequest

_DEPTH = 2


def changed_fields(document: dict[str, Any], patch: Any) -> dict[str, Any]:
    """The fields of `document` that `patch` changes, as they are to be. :raises InvalidRequest: it cannot be read."""
    if not isinstance(patch, list):
        raise InvalidRequest("a JSON patch is a list of operations.")
    changed: dict[str, Any] = {}
    for operation in patch:
        if not isinstance(operation, dict) or operation.get("op") not in {"add", "replace", "remove"}:
            raise InvalidRequest(f"{operation!r} is no operation that is known here: add, replace or remove.")
        field, *entry = _parts(str(operation.get("path", "")))
        removed = operation["op"] == "remove"
        value = None if removed else operation.get("value")
        if not entry:
            changed[field] = value
            continue
        entries = dict(changed.get(field, document.get(field)) or {})
        if removed:
            entries.pop(entry[0], None)
        else:
            entries[entry[0]] = value
        changed[field] = entries
    return changed


def _parts(path: str) -> list[str]:
    """:raises InvalidRequest:"""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    if not path.startswith("/") or not all(parts) or not 1 <= len(parts) <= _DEPTH:
        raise InvalidRequest(f"a patch of {path!r} is not known here; give /field or /field/entry.")
    return parts
