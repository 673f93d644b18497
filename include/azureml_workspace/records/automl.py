"""What an AutoML run is asked for, how far it is, and what came out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, Self, get_args

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.base import Record, check_whole_number
from azureml_workspace.records.class_weights import UNWEIGHTED, ClassWeights, validate_class_weights
from azureml_workspace.records.custom_pipeline import CustomPipeline, validate_pipelines
from azureml_workspace.records.names import validate_compute_name, validate_dataset_name, validate_experiment_name
from azureml_workspace.texts import shown

PrimaryMetric = Literal[
    "AUC_weighted",
    "accuracy",
    "norm_macro_recall",
    "average_precision_score_weighted",
    "precision_score_weighted",
]
PRIMARY_METRICS: tuple[str, ...] = get_args(PrimaryMetric)


@dataclass(frozen=True, kw_only=True)
class AutoMLConfig(Record):
    """The parameters of AutoML classification, named as in Azure's `AutoMLConfig`.

    Which version of the data, and for which experiment, is said by `AutoMLSettings`.

    `experiment_timeout_minutes` bounds the wall time of one start of the job, ensemble and export included: a job that
    was lost together with the workspace's server cannot resume and is started again, with the whole time (3 starts at
    most).
    `iterations` bounds the trials (None: only time bounds them). `n_cross_validations` and `validation_size`
    (share of the rows, 0 to 1) exclude each other; with neither the engine chooses and reports what it chose.
    `exclude_columns` are never shown to a model (for example a leakage suspect). With `class_weights` every model
    learns from weighted rows, while all metrics count each row alike. `custom_pipelines` are tried first, beside the
    models of AutoML's own, and count among the `iterations`.
    """

    dataset_name: str
    label_column_name: str
    primary_metric: str = "AUC_weighted"
    experiment_timeout_minutes: float = 1.0
    iterations: int | None = None
    max_concurrent_iterations: int = 2
    allowed_models: tuple[str, ...] = ()
    blocked_models: tuple[str, ...] = ()
    enable_early_stopping: bool = True
    n_cross_validations: int | None = None
    validation_size: float | None = None
    experiment_exit_score: float | None = None
    exclude_columns: tuple[str, ...] = ()
    class_weights: ClassWeights = UNWEIGHTED
    custom_pipelines: tuple[CustomPipeline, ...] = ()
    compute_target: str = "cpu-cluster"
    seed: int = 42

    def validate(self) -> None:
        """Check everything that can be checked without looking at the data.

        Model names are the engine's to know, so each adapter checks those.

        :raises InvalidRequest: names the first bad value, what was expected and what to do.
        """
        self._validate_names()
        self._validate_limits()
        self._validate_validation()
        validate_class_weights(self.class_weights)
        self._validate_custom_pipelines()

    def require_columns(self, names: Sequence[str]) -> None:
        """Check against the columns of the data.

        :raises InvalidRequest: the label is none of them, or what is left out or chosen is none or leaves nothing.
        """
        if self.label_column_name not in names:
            raise InvalidRequest(
                f"label_column_name is {self.label_column_name!r}; the dataset has no such column. "
                f"Choose one of {_some(names)}."
            )
        unknown = [name for name in self.exclude_columns if name not in names]
        if unknown:
            raise InvalidRequest(f"exclude_columns names {unknown[0]!r}; the dataset has no such column.")
        if not set(names) - set(self.exclude_columns) - {self.label_column_name}:
            raise InvalidRequest("no column is left to learn from; the dataset needs at least one besides the label.")
        for pipeline in self.custom_pipelines:
            for column in pipeline.columns:
                if column not in names:
                    raise InvalidRequest(
                        f"custom pipeline {pipeline.name!r} wants column {column!r}; the dataset has no such column."
                    )

    def _validate_names(self) -> None:
        if not self.label_column_name.strip():
            raise InvalidRequest("label_column_name is empty; give it a name.")
        validate_dataset_name(self.dataset_name)
        validate_compute_name(self.compute_target)
        if self.primary_metric not in PRIMARY_METRICS:
            raise InvalidRequest(
                f"primary_metric is {shown(self.primary_metric)}; choose one of {', '.join(PRIMARY_METRICS)}."
            )
        both = sorted(set(self.allowed_models) & set(self.blocked_models))
        if both:
            raise InvalidRequest(
                f"{', '.join(both)}: both in allowed_models and in blocked_models; remove it from one."
            )
        if self.label_column_name in self.exclude_columns:
            raise InvalidRequest(
                f"exclude_columns holds the label column {self.label_column_name!r}; a label cannot be excluded."
            )

    def _validate_limits(self) -> None:
        if not 0.1 <= self.experiment_timeout_minutes <= 24 * 60:
            raise InvalidRequest(
                f"experiment_timeout_minutes is {self.experiment_timeout_minutes:g}; "
                "give a time between 0.1 (six seconds) and 1440 (one day)."
            )
        for name, least in (("iterations", 1), ("max_concurrent_iterations", 1), ("seed", 0)):
            check_whole_number(name, getattr(self, name), least)
        if self.experiment_exit_score is not None and not math.isfinite(self.experiment_exit_score):
            raise InvalidRequest(f"experiment_exit_score is {self.experiment_exit_score}; give a number.")

    def _validate_custom_pipelines(self) -> None:
        validate_pipelines(self.custom_pipelines)
        for pipeline in self.custom_pipelines:
            hidden = sorted(set(pipeline.columns) & {self.label_column_name, *self.exclude_columns})
            if hidden:
                why = "is the label" if hidden[0] == self.label_column_name else "is in exclude_columns"
                raise InvalidRequest(f"custom pipeline {pipeline.name!r} wants column {hidden[0]!r}, which {why}.")
        count = len(self.custom_pipelines)
        if count and self.iterations is not None and self.iterations <= count:
            raise InvalidRequest(
                f"iterations is {self.iterations}, and {count} of them are custom_pipelines; give at least "
                f"{count + 1}, so that AutoML tries a model of its own."
            )

    def _validate_validation(self) -> None:
        if self.n_cross_validations is not None and self.validation_size is not None:
            raise InvalidRequest(
                "n_cross_validations and validation_size are both set; they exclude each other, give one of them."
            )
        if self.n_cross_validations is not None and not 2 <= self.n_cross_validations <= 20:
            raise InvalidRequest(f"n_cross_validations is {self.n_cross_validations}; give 2 to 20 folds.")
        if self.validation_size is not None and not 0.01 <= self.validation_size <= 0.5:
            raise InvalidRequest(
                f"validation_size is {self.validation_size:g}; give a share of the rows between 0.01 and 0.5."
            )


@dataclass(frozen=True, kw_only=True)
class AutoMLSettings(AutoMLConfig):
    """One AutoML run: its parameters, the dataset version it reads, and the experiment it belongs to."""

    experiment_name: str
    dataset_version: int

    @classmethod
    def of(cls, config: AutoMLConfig, *, experiment_name: str, dataset_version: int) -> Self:
        """`config` on that version of its dataset."""
        given = {field.name: getattr(config, field.name) for field in fields(AutoMLConfig)}
        return cls(**given, experiment_name=experiment_name, dataset_version=dataset_version)

    def validate(self) -> None:
        """As for `AutoMLConfig`, with the experiment's name and the version. :raises InvalidRequest:"""
        validate_experiment_name(self.experiment_name)
        check_whole_number("dataset_version", self.dataset_version, 1)
        super().validate()


@dataclass(frozen=True, kw_only=True)
class AutoMLProgress(Record):
    """How far an AutoML run is. Times in seconds; `best_score` is the primary metric of the best trial so far."""

    run_id: str
    phase: str
    trials_done: int
    trials_failed: int
    best_score: float | None
    best_algorithm: str | None
    elapsed_seconds: float
    time_limit_seconds: float

    @property
    def seconds_left(self) -> float:
        """Seconds until the run's own limit, never negative."""
        return max(0.0, self.time_limit_seconds - self.elapsed_seconds)


@dataclass(frozen=True, kw_only=True)
class DataGuardFinding(Record):
    """Something the data guard noticed. `severity` is `info`, `warning` or `error`; `action` says what was done."""

    guard: str
    severity: Literal["info", "warning", "error"]
    message: str
    action: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AutoMLResult(Record):
    """What a completed AutoML run found.

    `metrics` are Azure's classification metrics of the best child; `validation` says in words how they were
    measured, so that nobody compares a cross-validated figure with a holdout one. `rows_dropped` counts rows
    without a label.
    """

    run_id: str
    best_child_run_id: str
    best_algorithm: str
    primary_metric: str
    metrics: dict[str, float]
    validation: str
    child_runs: int
    classes: tuple[str, ...]
    rows_used: int
    rows_dropped: int
    findings: tuple[DataGuardFinding, ...] = ()
    feature_importance: dict[str, float] = field(default_factory=dict)


def _some(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
