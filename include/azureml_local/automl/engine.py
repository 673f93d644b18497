"""The AutoML run: prepare, guard, search, ensemble, refit, export, evaluate, explain."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from azureml_local.automl.budget import Budget
from azureml_local.automl.building import BuiltModel, ModelBuilder, export_findings
from azureml_local.automl.catalog import select_models
from azureml_local.automl.challengers import custom_candidates, custom_findings
from azureml_local.automl.custom_pipeline import check_pipelines
from azureml_local.automl.explanation import explain
from azureml_local.automl.guard import inspect_data, validation_findings
from azureml_local.automl.interval import metric_interval
from azureml_local.automl.leakage import column_signals
from azureml_local.automl.learners import FitOptions
from azureml_local.automl.model import VotingModel
from azureml_local.automl.onnx_export import Export
from azureml_local.automl.package import write_package
from azureml_local.automl.portfolio import DataShape, portfolio
from azureml_local.automl.prepare import PreparedData, prepare
from azureml_local.automl.report import Report, describe_validation, ensemble_child, evaluate_best, trial_child
from azureml_local.automl.row_weights import Weighing, weighing, weighing_findings
from azureml_local.automl.search import Search, Trial
from azureml_local.automl.trial import SharedData
from azureml_local.automl.validation import ValidationPlan, plan_validation
from azureml_local.automl.workers import WorkerPool, prepare_workers
from azureml_workspace.records import UNWEIGHTED, AutoMLResult, AutoMLSettings, ColumnSchema, DataGuardFinding

QUICK_SECONDS = 20.0
QUICK_SECONDS_PER_CELL = 4e-5
"""A run with less time than either tries the cheapest candidate first, so that it has a model early."""

EventSink = Callable[[dict[str, Any]], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedAutoML:
    """What a run gives: the record of it, and the fitted model (`predict` and `predict_proba` on a DataFrame)."""

    result: AutoMLResult
    model: VotingModel = field(repr=False)


def run(
    frame: pd.DataFrame,
    columns: Sequence[ColumnSchema],
    settings: AutoMLSettings,
    cores: int,
    on_event: EventSink | None = None,
    output_dir: Path | None = None,
    *,
    run_id: str = "automl",
    scratch_dir: Path | None = None,
    budget: Budget | None = None,
) -> FittedAutoML:
    """Find, fit and export the best model of `frame` within the limits of `settings`, on at most `cores` cores.

    `columns` describe the columns of the frame. `on_event` is told of phases and trials as they come
    (`events.jsonl` without `at`). The files of a completed run go to `output_dir`, when there is one. Call it from a
    script guarded by `if __name__ == "__main__"`, because it starts worker processes.

    :raises InvalidRequest: settings or data cannot work. :raises SearchFailed: no trial gave a model.
    :raises ExportError: the ONNX graph would not answer as the Python model does.
    """
    limit = budget or Budget(settings.experiment_timeout_minutes * 60)
    engine = _Engine(settings, max(1, cores), on_event or _ignore, limit)
    prepare_workers(with_converters=bool(settings.custom_pipelines))
    with tempfile.TemporaryDirectory(dir=scratch_dir, prefix=".tmp-automl-") as scratch:
        exported, report = engine.run(frame, columns, Path(scratch))
    result = report.result(run_id, settings)
    if output_dir is not None:
        write_package(output_dir, exported, report.data)
        report.write(output_dir)
    score = result.metrics[result.primary_metric]
    logger.info(
        "best child: %s, %s %.5f (%s); %.1f s in all",
        result.best_algorithm, result.primary_metric, score, result.validation, limit.elapsed,
    )  # fmt: skip
    return FittedAutoML(result, exported.model)


def _ignore(_event: dict[str, Any]) -> None:
    pass


class _Engine:
    def __init__(self, settings: AutoMLSettings, cores: int, on_event: EventSink, budget: Budget) -> None:
        self._settings = settings
        self._cores = cores
        self._workers = min(settings.max_concurrent_iterations, cores)
        self._on_event = on_event
        self._budget = budget

    def run(self, frame: pd.DataFrame, columns: Sequence[ColumnSchema], scratch: Path) -> tuple[Export, Report]:
        self._phase("profile")
        check_pipelines(self._settings.custom_pipelines, weighted=self._settings.class_weights != UNWEIGHTED)
        data = prepare(frame, columns, self._settings)
        logger.info("%s", _data_line(data))
        self._phase("guard")
        signals = column_signals(data, self._settings.seed)
        plan = plan_validation(data.codes, data.matrix.shape[1], self._settings, self._cores)
        weighed = weighing(self._settings.class_weights, data.classes)
        findings = [
            *inspect_data(data, signals, weighed=weighed is not None),
            *validation_findings(plan),
            *weighing_findings(weighed, data.codes, data.classes, data.label.name),
        ]
        for finding in findings:
            logger.info("%s: %s (%s)", finding.severity, finding.message, finding.action)
        shared = SharedData(scratch, len(data.classes))
        shared.write(data.matrix, data.codes, plan)
        with WorkerPool(self._workers) as pool:
            trials = self._search(pool, shared, data, plan, weighed)
            built = self._builder(pool, shared, data, plan).build(trials)
        children = self._children(trials, built)

        self._phase("evaluate")
        validation = describe_validation(plan, built.best)
        evaluation, cohorts = evaluate_best(data, plan, built.best, validation, signals)
        interval = metric_interval(
            data.codes[plan.validated_rows],
            built.best.probabilities,
            self._settings.primary_metric,
            built.best.metrics,
            self._settings.seed,
        )
        self._phase("explain")
        explanation = explain(built.exported.model, data, signals, self._settings.seed, self._budget, weighed)
        self._phase("finalize")
        findings = [
            *findings,
            *custom_findings(self._settings.custom_pipelines, trials),
            *export_findings(built.unexportable),
            *self._overrun(),
        ]
        report = Report(data, built.best, validation, children, findings, evaluation, cohorts, explanation, interval)
        return built.exported, report

    def _phase(self, name: str) -> None:
        logger.info("phase %s, %.1f s of %.0f s", name, self._budget.elapsed, self._budget.limit_seconds)
        self._on_event({"event": "phase", "phase": name})

    def _child(self, child: dict[str, Any]) -> None:
        self._on_event({"event": "trial", **child})

    def _search(
        self,
        pool: WorkerPool,
        shared: SharedData,
        data: PreparedData,
        plan: ValidationPlan,
        weighed: Weighing | None,
    ) -> list[Trial]:
        self._phase("search")
        logger.info("validation: %s", plan.description)
        limit = self._budget.limit_seconds
        custom = custom_candidates(self._settings.custom_pipelines, data.spec.features, weighed, limit)
        candidates = custom + portfolio(
            select_models(self._settings.allowed_models, self._settings.blocked_models),
            DataShape(len(data.codes), data.matrix.shape[1], len(data.classes)),
            self._settings.primary_metric,
            quick_first=limit < max(QUICK_SECONDS, QUICK_SECONDS_PER_CELL * data.matrix.size),
            weighed=weighed,
        )
        search = Search(
            pool=pool,
            shared=shared,
            options=self._options(data, self._workers),
            settings=self._settings,
            budget=self._budget,
            reserve=lambda trials: _reserve(trials, data, plan, self._workers),
            on_trial=lambda trial: self._child(trial_child(trial)),
        )
        reason = search.run(candidates)
        logger.info("the search ends after %d trials: %s", len(search.trials), reason)
        return search.trials

    def _options(self, data: PreparedData, at_once: int) -> FitOptions:
        return FitOptions(
            threads=max(1, self._cores // at_once),
            seed=self._settings.seed,
            category_levels=tuple(
                (place, len(feature.categories))
                for place, feature in enumerate(data.spec.features)
                if feature.transform == "category"
            ),
        )

    def _builder(self, pool: WorkerPool, shared: SharedData, data: PreparedData, plan: ValidationPlan) -> ModelBuilder:
        return ModelBuilder(
            data=data,
            plan=plan,
            settings=self._settings,
            pool=pool,
            shared=shared,
            options=lambda at_once: self._options(data, at_once),
            workers=self._workers,
            cores=self._cores,
            budget=self._budget,
            on_phase=self._phase,
        )

    def _children(self, trials: list[Trial], built: BuiltModel) -> list[dict[str, Any]]:
        """All children in their order. The ensemble is told of here, once it is known which one it is in the end."""
        children = [trial_child(trial) for trial in sorted(trials, key=lambda trial: trial.iteration)]
        if built.ensemble is not None:
            ensemble = ensemble_child(built.ensemble, self._settings.primary_metric, built.ensemble_seconds)
            self._child(ensemble)
            children.append(ensemble)
        return children

    def _overrun(self) -> list[DataGuardFinding]:
        if self._budget.left >= 0:
            return []
        message = f"the run took {self._budget.elapsed:.0f} s, its limit was {self._budget.limit_seconds:.0f} s."
        action = "completed all the same; raise experiment_timeout_minutes for a proper search"
        return [DataGuardFinding(guard="time_limit", severity="warning", message=message, action=action)]


def _reserve(trials: list[Trial], data: PreparedData, plan: ValidationPlan, workers: int) -> float:
    """Seconds to keep for ensemble, refit, export, evaluation and explanation, given the trials so far."""
    growth = len(data.codes) / max(1, len(plan.split(0)[0]))
    best = sorted((t for t in trials if t.score is not None), key=lambda t: -(t.score or 0.0))[:6]
    refits = sum(trial.fit_seconds for trial in best) * growth / workers
    # Export and explanation run every member too, so they take about as long as the fits, however busy the machine is.
    return 1.0 + 2.5 * refits + 6e-6 * data.matrix.size


def _data_line(data: PreparedData) -> str:
    counts = np.bincount(data.codes)
    shown = ", ".join(f"{name} {count:,}" for name, count in zip(data.classes[:10], counts, strict=False))
    return (
        f"{len(data.codes):,} rows ({data.rows_dropped:,} without a label dropped), {data.matrix.shape[1]:,} features "
        f"of {len({feature.column for feature in data.spec.features}):,} columns, classes: {shown}"
    )
