"""Thresholds for drops, as an operator was given them."""

from __future__ import annotations

from typing import Any

from airflow_azureml import _arguments as arguments
from azureml_drops.validation_settings import ValidationSettings

_WHOLE_NUMBERS = frozenset({"min_rows", "min_classes"})


def validation_settings(given: Any) -> ValidationSettings:
    """A mapping of thresholds, or one as JSON text; a value may be text too, as a template renders it.

    :raises InvalidRequest: an unknown threshold, or a value that cannot be meant.
    """
    mapping = arguments.mapping("validation", given)
    return ValidationSettings.of({name: _value(name, value) for name, value in mapping.items()})


def _value(name: str, value: Any) -> Any:
    place = f"validation[{name!r}]"
    if name == "ignore_columns":
        return arguments.names(place, value)
    if name == "schema":
        return arguments.flag(place, value)
    convert = arguments.integer if name in _WHOLE_NUMBERS else arguments.number
    return arguments.optional(convert, place, value)
