"""What an operator is pointed at: a name, or the result of the task before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_azureml import _arguments as arguments
from azureml_workspace.errors import InvalidRequest


@dataclass(frozen=True)
class Reference:
    """A dataset or model. `version` None is the latest."""

    name: str
    version: int | None


def dataset_reference(value: Any, version: Any) -> Reference:
    """A dataset: a name with `version` beside it, or what the register task returned."""
    return _versioned("dataset", value, version)


def model_reference(value: Any, version: Any) -> Reference:
    """A model: a name with `version` beside it, or what the AutoML task returned."""
    if isinstance(value, Mapping) and "model" in value:
        value = value["model"]
    return _versioned("model", value, version)


@dataclass(frozen=True)
class PipelineReference:
    """A published pipeline: its id, or its name with a version (None: the default)."""

    pipeline_id: str | None = None
    name: str = ""
    version: int | None = None


def pipeline_reference(value: Any, version: Any, pipeline_id: Any) -> PipelineReference:
    """A pipeline, by exactly one of a name (with `version` beside it), its id, or what the publish task returned."""
    absent = arguments.is_absent
    if absent(value) == absent(pipeline_id):
        given = "neither is given" if absent(value) else f"pipeline is {value!r} and pipeline_id {pipeline_id!r}"
        raise InvalidRequest(
            f"a pipeline is named by pipeline (its name, or the publish task's output) or by pipeline_id, "
            f"and {given}; give one of them."
        )
    of_one_version = not absent(pipeline_id) or isinstance(value, Mapping)
    if of_one_version and not absent(version):
        raise InvalidRequest(
            f"pipeline_version is {version!r}, and {'pipeline' if absent(pipeline_id) else 'pipeline_id'} stands for "
            "one version already; give pipeline_version only with the name of a pipeline."
        )
    if not absent(pipeline_id):
        return PipelineReference(pipeline_id=arguments.text("pipeline_id", pipeline_id))
    if isinstance(value, Mapping):
        return PipelineReference(
            pipeline_id=arguments.text("pipeline['pipeline_id']", _item("pipeline", value, "pipeline_id"))
        )
    named = _versioned("pipeline", value, version)
    return PipelineReference(name=named.name, version=named.version)


def pipeline_run_id(value: Any) -> str:
    """A pipeline run: its id, or what the trigger task returned."""
    if isinstance(value, Mapping):
        return arguments.text("run['run_id']", _item("run", value, "run_id"))
    return arguments.text("run", _not_a_rendered_mapping("run", value))


def service_name(value: Any) -> str:
    """A web service: its name, or what the deploy task returned."""
    if isinstance(value, Mapping):
        return arguments.text("service['name']", _item("service", value, "name"))
    return arguments.text("service", _not_a_rendered_mapping("service", value))


def _versioned(what: str, value: Any, version: Any) -> Reference:
    if isinstance(value, Mapping):
        if not arguments.is_absent(version):
            raise InvalidRequest(
                f"{what}_version is {version!r} and {what} is another task's result, which has a version; give one."
            )
        name, version = _item(what, value, "name"), value.get("version")
    else:
        name = _not_a_rendered_mapping(what, value)
    number = arguments.optional(arguments.integer, f"{what}_version", version)
    if number is not None and number < 1:
        raise InvalidRequest(f"{what}_version is {number}; versions count from 1.")
    return Reference(arguments.text(what, name), number)


def _item(what: str, value: Mapping[str, Any], key: str) -> Any:
    if key not in value:
        raise InvalidRequest(
            f"{what} is a mapping without {key!r} (it has {', '.join(map(str, value)) or 'nothing'}); "
            f"pass the `.output` of the task that made the {what}, or a name."
        )
    return value[key]


def _not_a_rendered_mapping(what: str, value: Any) -> Any:
    if value is None:
        raise InvalidRequest(
            f"{what} is None: the task it comes from returned nothing (see its XCom `return_value`); "
            f"pass the `.output` of the task that made the {what}, or a name."
        )
    if isinstance(value, str) and value.lstrip().startswith("{"):
        raise InvalidRequest(
            f"{what} is the text {value[:60]!r}: a template made text of another task's result. "
            "Pass the task's `.output` instead of a template."
        )
    return value
