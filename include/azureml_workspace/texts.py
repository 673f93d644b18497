"""Text that people give: what cannot be written is refused, and what is long is not repeated whole."""

from __future__ import annotations

from typing import Any

from azureml_workspace.errors import InvalidRequest

LONGEST_SHOWN = 60
"""Characters of a value that a message repeats."""


def shown(text: str) -> str:
    """`text` in quotes, as a message shows it."""
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]!r}..."


def require_encodable(value: Any, place: str) -> None:
    """Refuse text in `value` (JSON types, at whatever depth) that no UTF-8 can hold; `place` is what it is called.

    JSON can spell half of a surrogate pair, and so can a Python string that was decoded with `surrogateescape`. Stored
    once, it would make every answer fail that it is part of.

    :raises InvalidRequest: names the place and the text.
    """
    waiting = [(value, place)]
    while waiting:  # no recursion: a body may be nested as deep as it is long
        found, where = waiting.pop()
        if isinstance(found, str):
            _check(found, where)
        elif isinstance(found, dict):
            for name, item in found.items():
                _check(str(name), f"the name of a field in {where}")
                waiting.append((item, f"{where}.{name}" if len(where) < LONGEST_SHOWN else where))
        elif isinstance(found, list | tuple):
            waiting.extend((item, where) for item in found)


def _check(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{place} holds text that is no Unicode: {shown(text[max(0, error.start - 10) :])} has half of a surrogate "
            f"pair ({text[error.start]!r}). It was probably read in the wrong encoding; give it as UTF-8."
        ) from error
