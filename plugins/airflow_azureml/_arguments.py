"""Rendered operator arguments made into what they should be.

A template renders to text, and a trigger form may send `"1.0"` for a number, so the operators take both. What cannot
be understood is an `InvalidRequest` that names the argument and the value, before anything is sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from azureml_workspace.errors import InvalidRequest

T = TypeVar("T")

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def text(name: str, value: Any) -> str:
    """A text that is not empty. A number is taken as its digits, because native rendering makes one of "2024"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(f"{name} is {value!r}; give a text that is not empty.")
    return value.strip()


def number(name: str, value: Any) -> float:
    """A finite number."""
    try:
        converted = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        converted = math.nan
    if not math.isfinite(converted):
        raise InvalidRequest(f"{name} is {value!r}; give a finite number.")
    return converted


def integer(name: str, value: Any) -> int:
    """A whole number."""
    converted = number(name, value)
    if converted != int(converted):
        raise InvalidRequest(f"{name} is {value!r}; give a whole number.")
    return int(converted)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise InvalidRequest(f"{name} is {value!r}; give true or false.")
    return word in _TRUE


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """One of `choices`, in any case of letters."""
    word = str(value).strip().lower()
    if word not in choices:
        raise InvalidRequest(f"{name} is {value!r}; give {' or '.join(map(repr, choices))}.")
    return word


def names(name: str, value: Any) -> tuple[str, ...]:
    """Names: a list, a JSON list as text, or names with commas between them. Nothing, or an empty text, is none."""
    if is_absent(value):
        return ()
    if isinstance(value, str):
        value = _json_list(name, value) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list | tuple):
        raise InvalidRequest(f"{name} is {value!r}; give a list of names.")
    return tuple(text(f"{name}[{position}]", item) for position, item in enumerate(value))


def tags(name: str, value: Any) -> dict[str, str]:
    """A mapping of text to text, or one as JSON text; values are written as text."""
    return {text(f"a name in {name}", key): str(item) for key, item in mapping(name, value).items()}


def mapping(name: str, value: Any) -> dict[str, Any]:
    """An object, or one as JSON text. Nothing is an empty one."""
    if is_absent(value):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidRequest(f"{name} is {value[:100]!r}, which is not JSON ({error}).") from error
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{name} is {repr(value)[:100]}; give an object of names and values.")
    return dict(value)


def rows(name: str, value: Any) -> list[dict[str, Any]]:
    """Rows to score: a list of objects `{column: value}`, or such a list as JSON text. Nothing is none."""
    if is_absent(value):
        return []
    if isinstance(value, str):
        value = _json_list(name, value)
    if not isinstance(value, Sequence) or not all(isinstance(row, Mapping) for row in value):
        raise InvalidRequest(
            f"{name} is {str(value)[:100]!r}; give a list of rows, each an object of column and value."
        )
    return [dict(row) for row in value]


def separator(value: str) -> str:
    """A separator as written in a form: the two characters `\\t` are a tab."""
    return "\t" if value == r"\t" else value


def optional(convert: Callable[[str, Any], T], name: str, value: Any) -> T | None:
    """`convert`, or None for nothing: None, an empty text, or the text "None" that a template makes of it."""
    return None if is_absent(value) else convert(name, value)


def is_absent(value: Any) -> bool:
    """Whether nothing was given."""
    return value is None or (isinstance(value, str) and value.strip() in {"", "None", "null"})


def _json_list(name: str, value: str) -> list[Any]:
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise InvalidRequest(
            f"{name} is {value[:100]!r}, which is not JSON ({error}); in a template write {{{{ ... | tojson }}}}."
        ) from error
    if not isinstance(parsed, list):
        raise InvalidRequest(f"{name} is {value[:100]!r}; give a JSON list.")
    return parsed
