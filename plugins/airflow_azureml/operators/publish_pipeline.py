"""Publish a pipeline that trains a model and registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import dataset_reference
from airflow_azureml.links import AzureMLPipelineLink
from airflow_azureml.operators._automl_config import AUTOML_FIELDS, automl_config, check_columns, compute_target
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import PublishedPipelineResult, short_text
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import LATEST, PipelineDefinition

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_workspace.records import CustomPipeline, PublishedPipeline


class AzureMLPublishPipelineOperator(AzureMLBaseOperator):
    """Publish a pipeline of two steps, AutoML and registering the best model, and make it the default of its name.

    Nothing is published when the current version has this very definition; that one is returned. So it is safe to
    repeat, and what differs from run to run (the DAG run, the time) is kept out of the definition.
    Returns a `PublishedPipelineResult`.

    The AutoML parameters are those of `AzureMLAutoMLRunOperator`; see `azureml_workspace.records.AutoMLConfig`.

    :param name: name of the pipeline, shared by its versions.
    :param dataset: the register task's output, or the name of a dataset.
    :param dataset_version: the version that runs of the pipeline read (default `latest`: whichever is the latest when a
        run is submitted). It has to exist.
    :param label_column_name: the column to predict.
    :param experiment_name: the experiment of runs whose submission names none.
    :param model_name: name to register the best model under (default the experiment's name).
    :param model_tags: tags of every model that the pipeline registers.
    :param description: what the pipeline is for.
    :param primary_metric: AUC_weighted (default), accuracy, norm_macro_recall, average_precision_score_weighted or
        precision_score_weighted.
    :param experiment_timeout_minutes: limit for the AutoML step (default 1); a submission may name another.
    :param iterations: most trials (default: only time bounds them); a submission may name another.
    :param max_concurrent_iterations: trials at once (default 2); a submission may name another.
    :param allowed_models: the only models to try (default all).
    :param blocked_models: models not to try (default none).
    :param enable_early_stopping: stop when the score no longer gets better (default true).
    :param n_cross_validations: folds; excludes `validation_size` (default: the engine chooses).
    :param validation_size: share of the rows held out; excludes `n_cross_validations` (default: the engine chooses).
    :param experiment_exit_score: stop when the primary metric reaches it (default none).
    :param exclude_columns: columns no model may see (default none).
    :param class_weights: none (default), balanced, or a weight for each label, as a mapping or as JSON; local backend.
    :param custom_pipelines: scikit-learn pipelines that compete with AutoML's models, as `CustomPipeline` records, as
        objects of their fields, or as a JSON list of those (default none); local backend.
    :param compute_target: the cluster to run on, made when it does not exist (default cpu-cluster).
    :param vm_size: machine size of a cluster that is made (default STANDARD_DS12_V2).
    :param max_nodes: nodes of a cluster that is made (default 1).
    :param seed: seed of everything random (default 42).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        *AUTOML_FIELDS,
        "name",
        "dataset",
        "dataset_version",
        "experiment_name",
        "model_name",
        "model_tags",
        "description",
    )
    operator_extra_links = (AzureMLPipelineLink(),)

    def __init__(
        self,
        *,
        name: str,
        dataset: Any,
        label_column_name: str,
        experiment_name: str,
        dataset_version: int | str | None = LATEST,
        model_name: str | None = None,
        model_tags: Mapping[str, str] | None = None,
        description: str | None = None,
        primary_metric: str = "AUC_weighted",
        experiment_timeout_minutes: float | str = 1.0,
        iterations: int | str | None = None,
        max_concurrent_iterations: int | str = 2,
        allowed_models: Sequence[str] | str = (),
        blocked_models: Sequence[str] | str = (),
        enable_early_stopping: bool | str = True,
        n_cross_validations: int | str | None = None,
        validation_size: float | str | None = None,
        experiment_exit_score: float | str | None = None,
        exclude_columns: Sequence[str] | str = (),
        class_weights: str | Mapping[str, float] = "none",
        custom_pipelines: Sequence[CustomPipeline | Mapping[str, Any]] | str = (),
        compute_target: str = "cpu-cluster",
        vm_size: str = "STANDARD_DS12_V2",
        max_nodes: int | str = 1,
        seed: int | str = 42,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.dataset = dataset
        self.dataset_version = dataset_version
        self.label_column_name = label_column_name
        self.experiment_name = experiment_name
        self.model_name = model_name
        self.model_tags = model_tags
        self.description = description
        self.primary_metric = primary_metric
        self.experiment_timeout_minutes = experiment_timeout_minutes
        self.iterations = iterations
        self.max_concurrent_iterations = max_concurrent_iterations
        self.allowed_models = allowed_models
        self.blocked_models = blocked_models
        self.enable_early_stopping = enable_early_stopping
        self.n_cross_validations = n_cross_validations
        self.validation_size = validation_size
        self.experiment_exit_score = experiment_exit_score
        self.exclude_columns = exclude_columns
        self.class_weights = class_weights
        self.custom_pipelines = custom_pipelines
        self.compute_target = compute_target
        self.vm_size = vm_size
        self.max_nodes = max_nodes
        self.seed = seed

    def perform(self, context: Context) -> PublishedPipelineResult:
        """Check, then publish or find."""
        definition = self._definition()
        definition.validate()
        compute = compute_target(self)
        workspace = self.hook.workspace

        dataset = workspace.get_dataset(definition.automl.dataset_name, definition.dataset_version)
        check_columns(definition.automl, dataset)
        workspace.ensure_compute(compute)
        known = workspace.list_pipelines(definition.name)
        published = workspace.publish_pipeline(definition)
        AzureMLPipelineLink().push(self, context, published)
        created = all(published.pipeline_id != pipeline.pipeline_id for pipeline in known)
        self.log.info("%s", _story(published, known, created=created))
        return PublishedPipelineResult(
            pipeline_id=published.pipeline_id,
            name=published.name,
            version=published.version,
            status=published.status.value,
            endpoint=published.endpoint,
            pipeline_endpoint=published.pipeline_endpoint,
            experiment_name=published.definition.experiment_name,
            dataset_name=published.definition.automl.dataset_name,
            model_name=published.definition.model_name,
            created=created,
        )

    def _definition(self) -> PipelineDefinition:
        experiment_name = arguments.text("experiment_name", self.experiment_name)
        # A version of the register task's output is the one that was registered; the pipeline is to outlive it.
        dataset = dataset_reference(self.dataset, None)
        return PipelineDefinition(
            name=arguments.text("name", self.name),
            automl=automl_config(self, dataset.name),
            model_name=arguments.optional(arguments.text, "model_name", self.model_name) or experiment_name,
            experiment_name=experiment_name,
            dataset_version=_pinned_version(self.dataset_version),
            model_tags=arguments.tags("model_tags", self.model_tags),
            description=arguments.optional(arguments.text, "description", self.description) or "",
        )


def _pinned_version(value: Any) -> int | None:
    """None for the latest."""
    if arguments.is_absent(value) or str(value).strip() == LATEST:
        return None
    version = arguments.integer("dataset_version", value)
    if version < 1:
        raise InvalidRequest(f"dataset_version is {version}; versions count from 1, or give {LATEST!r}.")
    return version


def _story(published: PublishedPipeline, known: Sequence[PublishedPipeline], *, created: bool) -> str:
    which = f"pipeline {published.name} version {published.version} ({published.pipeline_id})"
    if not created:
        return f"Nothing published: {which} is current and has this definition. Endpoint: {published.endpoint}"
    before = next((pipeline for pipeline in known if pipeline.is_default), None)
    if before is None:
        return f"Published {which}. Endpoint: {published.endpoint}"
    changed = _changes(before.definition, published.definition) or f"version {before.version} is {before.status}"
    return f"Published {which}, because {changed}. Endpoint: {published.endpoint}"


def _changes(before: PipelineDefinition, after: PipelineDefinition) -> str:
    """What differs, in words: `automl.seed was 42 and is 43`."""
    old, new = _flat(before), _flat(after)
    return short_text(
        ", ".join(f"{name} was {old[name]!r} and is {new[name]!r}" for name in old if old[name] != new[name])
    )


def _flat(definition: PipelineDefinition) -> dict[str, Any]:
    plain = definition.to_dict()
    return {f"automl.{name}": value for name, value in plain.pop("automl").items()} | plain
