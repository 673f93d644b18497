"""The account of a finished run: metrics, curves, cohorts, explanation and findings, as a record and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azureml_local.automl.cohorts import cohort_metrics
from azureml_local.automl.evaluation import evaluate_predictions
from azureml_local.automl.leakage import ColumnSignal
from azureml_local.automl.prepare import PreparedData
from azureml_local.automl.search import Trial
from azureml_local.automl.selection import BestChild
from azureml_local.automl.validation import ValidationPlan
from azureml_local.files import write_json
from azureml_workspace.records import AutoMLResult, AutoMLSettings, DataGuardFinding
from azureml_workspace.statuses import RunStatus

MAX_IMPORTANCES = 25
"""Columns in the result's own feature importance; `explanation.json` has all."""


@dataclass(frozen=True)
class Report:
    """Everything a run has to say besides its model; the dictionaries are the contents of the files of that name."""

    data: PreparedData
    best: BestChild
    validation: str
    children: Sequence[dict[str, Any]]
    findings: Sequence[DataGuardFinding]
    evaluation: dict[str, Any]
    cohorts: dict[str, Any]
    explanation: dict[str, Any]
    interval: dict[str, Any] | None

    def result(self, run_id: str, settings: AutoMLSettings) -> AutoMLResult:
        """The record that goes into `result.json`."""
        return AutoMLResult(
            run_id=run_id,
            best_child_run_id=f"{run_id}_{self.best.iteration}",
            best_algorithm=self.best.algorithm,
            primary_metric=settings.primary_metric,
            metrics=self.best.metrics,
            validation=self.validation,
            child_runs=len(self.children),
            classes=self.data.classes,
            rows_used=len(self.data.frame),
            rows_dropped=self.data.rows_dropped,
            findings=tuple(self.findings),
            feature_importance=dict(list(self.explanation["raw"].items())[:MAX_IMPORTANCES]),
        )

    def write(self, folder: Path) -> None:
        """Write the JSON files into `folder`."""
        metrics = {
            "metrics": self.best.metrics,
            "primary_metric_interval": self.interval,
            "validation": self.validation,
            "children": self.children,
        }
        write_json(folder / "metrics.json", metrics)
        write_json(folder / "evaluation.json", self.evaluation)
        write_json(folder / "explanation.json", self.explanation)
        write_json(folder / "cohorts.json", self.cohorts)
        write_json(folder / "data_guard.json", {"findings": self.findings})


def describe_validation(plan: ValidationPlan, best: BestChild) -> str:
    """How the metrics of `best` were measured, and what they do not tell."""
    weights = "; ensemble weights cross-fitted" if len(best.members) > 1 else ""
    return f"{plan.description}{weights}; model chosen by these rows, refitted on all"


def evaluate_best(
    data: PreparedData, plan: ValidationPlan, best: BestChild, validation: str, signals: Sequence[ColumnSignal]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Contents of `evaluation.json` and `cohorts.json`, from the best child's out-of-fold predictions."""
    rows = plan.validated_rows
    evaluation = evaluate_predictions(data.codes[rows], best.probabilities, data.classes, validation)
    used = [signal.column for signal in signals] or list(dict.fromkeys(f.column for f in data.spec.features))
    return evaluation, cohort_metrics(data, rows, best.probabilities, used)


def trial_child(trial: Trial) -> dict[str, Any]:
    """A trial as a child run: its event without the name, and an entry of `metrics.json`."""
    return {
        "iteration": trial.iteration,
        "algorithm": trial.candidate.algorithm,
        "status": trial.status.value,
        "score": trial.score,
        "duration_seconds": round(trial.seconds, 3),
        "metrics": trial.metrics,
        "parameters": trial.candidate.described(),
        "error": trial.error,
    }


def ensemble_child(ensemble: BestChild, primary_metric: str, seconds: float) -> dict[str, Any]:
    """The ensemble as a child run, like `trial_child`."""
    return {
        "iteration": ensemble.iteration,
        "algorithm": ensemble.algorithm,
        "status": RunStatus.COMPLETED.value,
        "score": ensemble.metrics[primary_metric],
        "duration_seconds": round(seconds, 3),
        "metrics": ensemble.metrics,
        "parameters": ensemble.described(),
        "error": "",
    }
