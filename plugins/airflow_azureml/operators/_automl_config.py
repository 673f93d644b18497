"""The AutoML arguments that an operator was given, made into what a run or a pipeline is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from airflow_azureml import _arguments as arguments
from airflow_azureml._sources import check_column
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import UNWEIGHTED, AutoMLConfig, ComputeTarget, read_pipelines

if TYPE_CHECKING:
    from azureml_workspace.records import ClassWeights, CustomPipeline, DatasetVersion


class AutoMLArguments(Protocol):
    """What an operator with AutoML's parameters holds, as rendered."""

    label_column_name: Any
    primary_metric: Any
    experiment_timeout_minutes: Any
    iterations: Any
    max_concurrent_iterations: Any
    allowed_models: Any
    blocked_models: Any
    enable_early_stopping: Any
    n_cross_validations: Any
    validation_size: Any
    experiment_exit_score: Any
    exclude_columns: Any
    class_weights: Any
    custom_pipelines: Any
    compute_target: Any
    vm_size: Any
    max_nodes: Any
    seed: Any


AUTOML_FIELDS = tuple(AutoMLArguments.__annotations__)
"""Their names: templates may stand in every one."""


def automl_config(given: AutoMLArguments, dataset_name: str) -> AutoMLConfig:
    """The parameters of AutoML on that dataset.

    :raises InvalidRequest: an argument cannot be understood; whether the values can work is `validate`'s to say.
    """
    optional = arguments.optional
    return AutoMLConfig(
        dataset_name=dataset_name,
        label_column_name=arguments.text("label_column_name", given.label_column_name),
        primary_metric=arguments.text("primary_metric", given.primary_metric),
        experiment_timeout_minutes=arguments.number("experiment_timeout_minutes", given.experiment_timeout_minutes),
        iterations=optional(arguments.integer, "iterations", given.iterations),
        max_concurrent_iterations=arguments.integer("max_concurrent_iterations", given.max_concurrent_iterations),
        allowed_models=arguments.names("allowed_models", given.allowed_models),
        blocked_models=arguments.names("blocked_models", given.blocked_models),
        enable_early_stopping=arguments.flag("enable_early_stopping", given.enable_early_stopping),
        n_cross_validations=optional(arguments.integer, "n_cross_validations", given.n_cross_validations),
        validation_size=optional(arguments.number, "validation_size", given.validation_size),
        experiment_exit_score=optional(arguments.number, "experiment_exit_score", given.experiment_exit_score),
        exclude_columns=arguments.names("exclude_columns", given.exclude_columns),
        class_weights=_class_weights(given.class_weights),
        custom_pipelines=_custom_pipelines(given.custom_pipelines),
        compute_target=arguments.text("compute_target", given.compute_target),
        seed=arguments.integer("seed", given.seed),
    )


def compute_target(given: AutoMLArguments) -> ComputeTarget:
    """The cluster to run on, as it is made when there is none. :raises InvalidRequest:"""
    return ComputeTarget(
        name=arguments.text("compute_target", given.compute_target),
        vm_size=arguments.text("vm_size", given.vm_size),
        max_nodes=arguments.integer("max_nodes", given.max_nodes),
    )


def limit_seconds(config: AutoMLConfig, queue_timeout_minutes: Any) -> float:
    """Seconds that a run may take, waiting for a node and winding up included. :raises InvalidRequest:"""
    queue_minutes = arguments.number("queue_timeout_minutes", queue_timeout_minutes)
    if queue_minutes < 0:
        raise InvalidRequest(f"queue_timeout_minutes is {queue_minutes:g}; give 0 or more.")
    return (config.experiment_timeout_minutes + queue_minutes) * 60


def check_columns(config: AutoMLConfig, dataset: DatasetVersion) -> None:
    """:raises InvalidRequest: the label, an excluded column or one of a custom pipeline is none of the dataset's."""
    columns = [column.name for column in dataset.columns]
    where = f"dataset {dataset.name} version {dataset.version}"
    check_column("label_column_name", config.label_column_name, columns, where=where)
    for column in config.exclude_columns:
        check_column("exclude_columns", column, columns, where=where)
    for pipeline in config.custom_pipelines:
        for column in pipeline.columns:
            check_column(f"a column of custom pipeline {pipeline.name!r}", column, columns, where=where)


def _class_weights(value: Any) -> ClassWeights:
    """A word, or a mapping of labels to weights, which may be JSON as text. Nothing is none."""
    if arguments.is_absent(value):
        return UNWEIGHTED
    given = _parsed("class_weights", value) if isinstance(value, str) and value.lstrip().startswith("{") else value
    if isinstance(given, Mapping):
        return {str(label): arguments.number(f"class_weights[{label!r}]", weight) for label, weight in given.items()}
    return arguments.text("class_weights", given)


def _custom_pipelines(value: Any) -> tuple[CustomPipeline, ...]:
    """A list of objects, which may be JSON as text. Nothing, or an empty text, is none."""
    if arguments.is_absent(value):
        return ()
    return read_pipelines(_parsed("custom_pipelines", value) if isinstance(value, str) else value)


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{name} is {text[:100]!r}, which is not JSON ({error}); in a template write {{{{ ... | tojson }}}}."
        ) from error
