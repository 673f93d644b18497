"""Run AutoML on a dataset and register the best model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_azureml import _arguments as arguments
from airflow_azureml._prepared import Training
from airflow_azureml._provenance import airflow_tags
from airflow_azureml._references import Reference, dataset_reference
from airflow_azureml._run_progress import Snapshot
from airflow_azureml._submission import submission_key
from airflow_azureml.operators._automl_config import (
    AUTOML_FIELDS,
    automl_config,
    check_columns,
    compute_target,
    limit_seconds,
)
from airflow_azureml.operators._awaitable import Plan
from airflow_azureml.operators._remote_run import OWN_LIMIT, AzureMLRemoteRunOperator
from airflow_azureml.results import AutoMLRunResult, VersionResult, short_classes, short_findings
from azureml_workspace.records import AutoMLSettings, Record, validate_model_name

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

    from azureml_workspace.records import AutoMLResult, CustomPipeline, ModelVersion, Run


@dataclass(frozen=True, kw_only=True)
class _Memo(Record):
    """What the result says that only the submission knew."""

    dataset: str
    dataset_version: int
    dataset_fingerprint: str
    label: str
    model_name: str
    model_tags: dict[str, str]


class AzureMLAutoMLRunOperator(AzureMLRemoteRunOperator):
    """Submit an AutoML classification run, show its progress, and register its best model.

    A retry of the task takes up the run that the first try submitted, with what was left of its time; clearing the task
    makes a new run. Stopping it cancels the run.
    Returns an `AutoMLRunResult`.

    The settings are Azure's `AutoMLConfig` parameters; see `azureml_workspace.records.AutoMLSettings` for their limits.

    :param dataset: the register task's output, or the name of a dataset. With the output of
        `AzureMLPrepareTrainingOperator` the model gets its tags, and a model that an earlier DAG run made of this very
        training is taken up instead of trained again.
    :param dataset_version: its version when a name was given (default the latest).
    :param label_column_name: the column to predict.
    :param experiment_name: the experiment that the run belongs to.
    :param model_name: name to register the best model under (default the experiment's name).
    :param primary_metric: AUC_weighted (default), accuracy, norm_macro_recall, average_precision_score_weighted or
        precision_score_weighted.
    :param experiment_timeout_minutes: limit for the whole run (default 1).
    :param iterations: most trials (default: only time bounds them).
    :param max_concurrent_iterations: trials at once (default 2).
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
    :param model_tags: tags of the model, beside those that say where it comes from.
    :param queue_timeout_minutes: how long the run may wait and wind up, on top of its own limit (default 30).

    Waiting has the arguments of `AzureMLRemoteRunOperator`.
    """

    template_fields: Sequence[str] = (
        *AzureMLRemoteRunOperator.template_fields,
        *AUTOML_FIELDS,
        "dataset",
        "dataset_version",
        "experiment_name",
        "model_name",
        "model_tags",
        "queue_timeout_minutes",
    )

    def __init__(
        self,
        *,
        dataset: Any,
        label_column_name: str,
        experiment_name: str,
        dataset_version: int | str | None = None,
        model_name: str | None = None,
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
        model_tags: Mapping[str, str] | None = None,
        queue_timeout_minutes: float | str = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.dataset_version = dataset_version
        self.label_column_name = label_column_name
        self.experiment_name = experiment_name
        self.model_name = model_name
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
        self.model_tags = model_tags
        self.queue_timeout_minutes = queue_timeout_minutes

    def prepare(self, context: Context) -> Plan[Snapshot]:
        """Check."""
        reference = dataset_reference(self.dataset, self.dataset_version)
        settings = self._settings(reference)
        settings.validate()
        limit = limit_seconds(settings, self.queue_timeout_minutes)
        model_name = arguments.optional(arguments.text, "model_name", self.model_name) or settings.experiment_name
        validate_model_name(model_name)  # now, and not when the run has ended and its model is registered
        training = Training.of(self.dataset)
        model_tags = {**training.model_tags, **arguments.tags("model_tags", self.model_tags)}
        compute = compute_target(self)
        workspace = self.hook.workspace

        dataset = workspace.get_dataset(reference.name, reference.version)
        check_columns(settings, dataset)
        settings = replace(settings, dataset_version=dataset.version)
        workspace.ensure_compute(compute)
        key = submission_key(context, settings)
        memo = _Memo(
            dataset=dataset.name,
            dataset_version=dataset.version,
            dataset_fingerprint=dataset.fingerprint,
            label=settings.label_column_name,
            model_name=model_name,
            model_tags=model_tags,
        )
        trained = training.run_that_trained(workspace, model_name)
        if trained is not None:
            self.log.info("Run %s made a model of this very training; it is taken up.", trained)
        return Plan(
            begin=lambda: Snapshot(
                workspace.submit_automl(settings, submission_key=key) if trained is None else workspace.get_run(trained)
            ),
            key=key,
            limit_seconds=limit,
            limit=OWN_LIMIT,
            memo=memo.to_dict(),
            metric=settings.primary_metric,
        )

    def outcome(self, context: Context, run: Run, memo: dict[str, JsonValue]) -> AutoMLRunResult:
        """Register the best model."""
        submitted = _Memo.from_dict(memo)
        workspace = self.hook.workspace
        result = workspace.automl_result(run.run_id)
        tags = _provenance(result, submitted) | airflow_tags(context) | submitted.model_tags
        model = workspace.register_model(submitted.model_name, run.run_id, tags=tags)
        self.log.info(
            "%s is the best of %d trials: %s %.5f (%s). Registered as model %s version %d.",
            result.best_algorithm,
            result.child_runs,
            result.primary_metric,
            result.metrics.get(result.primary_metric, float("nan")),
            result.validation,
            model.name,
            model.version,
        )
        return _summary(run, result, model, submitted)

    def _settings(self, dataset: Reference) -> AutoMLSettings:
        """The settings as far as the arguments tell; which version is the latest only the workspace knows."""
        return AutoMLSettings.of(
            automl_config(self, dataset.name),
            experiment_name=arguments.text("experiment_name", self.experiment_name),
            dataset_version=dataset.version or 1,
        )


def _provenance(result: AutoMLResult, submitted: _Memo) -> dict[str, str]:
    return {
        "run_id": result.run_id,
        "best_child_run_id": result.best_child_run_id,
        "algorithm": result.best_algorithm,
        "dataset": submitted.dataset,
        "dataset_version": str(submitted.dataset_version),
        "dataset_fingerprint": submitted.dataset_fingerprint,
        "label": submitted.label,
        "primary_metric": result.primary_metric,
        result.primary_metric: f"{result.metrics.get(result.primary_metric, float('nan')):.6g}",
        "validation": result.validation,
    }


def _summary(run: Run, result: AutoMLResult, model: ModelVersion, submitted: _Memo) -> AutoMLRunResult:
    return AutoMLRunResult(
        run_id=run.run_id,
        best_child_run_id=result.best_child_run_id,
        best_algorithm=result.best_algorithm,
        primary_metric=result.primary_metric,
        metrics=result.metrics,
        validation=result.validation,
        child_runs=result.child_runs,
        label=submitted.label,
        classes=short_classes(result.classes),
        rows_used=result.rows_used,
        rows_dropped=result.rows_dropped,
        dataset=VersionResult(name=submitted.dataset, version=submitted.dataset_version),
        model=VersionResult(name=model.name, version=model.version),
        findings=short_findings(result.findings),
        findings_count=len(result.findings),
        portal_url=run.portal_url,
    )
