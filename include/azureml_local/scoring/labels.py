"""Class positions to the values a client reads: integers stay integers, booleans booleans."""

from __future__ import annotations

from azureml_local.features.spec import ModelSignature
from azureml_workspace.errors import InvalidRequest

Label = str | int | float | bool

_BOOLEANS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def label_values(signature: ModelSignature) -> tuple[Label, ...]:
    """The classes in the kind the label had in the data, in the order of the classes.

    :raises InvalidRequest: fewer than two classes, or a class is not of the label's kind.
    """
    if len(signature.classes) < 2:
        raise InvalidRequest("signature.json names fewer than two classes.")
    try:
        return tuple(_label_value(signature, text) for text in signature.classes)
    except (ValueError, KeyError) as error:
        raise InvalidRequest(f"signature.json: a class is not of kind {signature.label_kind!r}: {error}.") from error


def _label_value(signature: ModelSignature, text: str) -> Label:
    match signature.label_kind:
        case "integer":
            return int(text) if text.lstrip("-").isdigit() else _whole(text)
        case "number":
            return float(text)
        case "boolean":
            return _BOOLEANS[text.lower()]
        case _:
            return text


def _whole(text: str) -> int:
    number = float(text)
    if not number.is_integer():
        raise ValueError(f"{text!r} is not a whole number")
    return int(number)
