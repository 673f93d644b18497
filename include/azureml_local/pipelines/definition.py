"""Reads what is sent about pipelines, and refuses fields that nobody would look at."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import msgspec

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLConfig, PipelineDefinition, read_pipelines
from azureml_workspace.texts import LONGEST_SHOWN, shown

_EXAMPLE = '{"name": "retrain", "automl": {"dataset_name": ...}, "model_name": ..., "experiment_name": ...}'


def read_definition(body: bytes) -> PipelineDefinition:
    """What the body of a publication says. Names and types are taken by the letter: what is published stays.

    :raises InvalidRequest: it is no JSON object, a field is missing or unknown, or has a value of another type.
    """
    given = read_object(body, _EXAMPLE)
    _require_fields_of(PipelineDefinition, given, "a pipeline definition")
    automl = given.get("automl")
    if isinstance(automl, dict):
        _require_fields_of(AutoMLConfig, automl, "its part `automl`")
        read_pipelines(automl.get("custom_pipelines", ()))
    return PipelineDefinition.from_dict(given)


def read_object(body: bytes, example: str) -> dict[str, Any]:
    """The JSON object in `body`; no body is an empty one. :raises InvalidRequest: it is something else."""
    try:
        given = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise InvalidRequest(f"the body is not a JSON object; send one like {example}.")
    return given


def unknown_field(what: str, name: str, known: Iterable[str]) -> InvalidRequest:
    """The refusal of a field that `what` does not have."""
    names = {field.lower(): field for field in known}
    near = difflib.get_close_matches(name.lower(), names, n=1) if len(name) <= LONGEST_SHOWN else []
    hint = f"did you mean {names[near[0]]}?" if near else f"there are {', '.join(names.values())}."
    return InvalidRequest(f"{what} has no field {shown(name)}; {hint}")


def _require_fields_of(record: type[PipelineDefinition | AutoMLConfig], given: Mapping[str, Any], what: str) -> None:
    known = [field.name for field in fields(record)]
    for name in given:
        if name not in known:
            raise unknown_field(what, name, known)
