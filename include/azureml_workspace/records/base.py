"""What every record shares: a small JSON form, checked on the way in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import msgspec

from azureml_workspace.errors import InvalidRequest

LARGEST_INTEGER = 2**31 - 1
"""Of every number that a person gives: larger ones fit neither Azure's 32-bit fields nor a database's."""


class Record:
    """Mixin for frozen dataclasses that cross a boundary (XCom, HTTP, files)."""

    def __post_init__(self) -> None:
        # msgspec leaves a default to the class, and writes only what the object itself holds: a record that was read
        # from what an older version wrote would otherwise be written differently than an equal one made here.
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            if field.name not in self.__dict__:
                object.__setattr__(self, field.name, getattr(self, field.name))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: dict, list, str, int, float, bool, None. Tuples become lists, dates ISO 8601."""
        built: dict[str, Any] = _with_lists(msgspec.to_builtins(self))
        return built

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record held by `data`. Unknown keys are ignored so that an older reader survives a newer writer.

        :raises InvalidRequest: a field is missing or has the wrong type; the message names it.
        """
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"{cls.__name__}: {error}") from error


def _with_lists(value: Any) -> Any:
    """`value` with lists for tuples, which msgspec leaves as they are and Airflow's XCom wraps in a type tag."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_lists(item) for item in value]
    return value


def check_number(name: str, value: float | None, *, least: float = 0.0, most: float = math.inf) -> None:
    """:raises InvalidRequest: `value` is below `least` or above `most`; None is fine."""
    if value is not None and not least <= value <= most:
        words = f"{least:g} or more" if math.isinf(most) else f"{least:g} to {most:g}"
        raise InvalidRequest(f"{name} is {value:g}; give {words}.")


def check_whole_number(name: str, value: int | None, least: int) -> None:
    """:raises InvalidRequest: `value` is below `least` or beyond what a database holds; None is fine."""
    if value is not None and not least <= value <= LARGEST_INTEGER:
        raise InvalidRequest(f"{name} is {value}; give {least} to {LARGEST_INTEGER}.")
