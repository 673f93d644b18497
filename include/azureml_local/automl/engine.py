"""The AutoML run: prepare, guard, search, ensemble, refit, export, evaluate, explain."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from azureml_local.automl.budget import Budget
from azureml_local.automl.catalog import VOTING_ENSEMBLE, select_models
from azureml_local.automl.cohorts import cohort_metrics
from azureml_local.automl.ensemble import combine, select_ensemble
from azureml_local.automl.evaluation import evaluate_predictions
from azureml_local.automl.explanation import explain
from azureml_local.automl.guard import inspect_data
from azureml_local.automl.leakage import ColumnSignal, column_signals
from azureml_local.automl.learners import FitOptions
from azureml_local.automl.metrics import classification_metrics
from azureml_local.automl.model import VotingModel
from azureml_local.automl.onnx_export import Export, export
from azureml_local.automl.package import write_package
from azureml_local.automl.portfolio import portfolio
from azureml_local.automl.prepare import PreparedData, prepare
from azureml_local.automl.search import Search, Trial
from azureml_local.automl.trial import SharedData, refit
from azureml_local.automl.validation import ValidationPlan, plan_validation
from azureml_local.automl.workers import WorkerPool, prepare_workers
from azureml_local.files import write_json
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import AutoMLResult, AutoMLSettings, ColumnSchema, DataGuardFinding
from azureml_workspace.statuses import RunStatus

QUICK_SECONDS_PER_CELL = 4e-5
"""A run with less time than this per matrix cell tries the cheapest candidate first, so that it has a model early."""

MAX_IMPORTANCES = 25
"""Columns of the result's own feature importance; `explanation.json` has all."""

EventSink = Callable[[dict[str, Any]], None]
logger = logging.getLogger(__name__)


class SearchFailed(WorkspaceError):
    """No trial gave a model."""


@dataclass(frozen=True)
class Fitted:
    """What a run gives: the record of it, and the fitted model."""

    result: AutoMLResult
    model: VotingModel = field(repr=False)


@dataclass(frozen=True)
class _Chosen:
    """The best child: its trials with their weights, and its out-of-fold predictions."""

    iteration: int
    algorithm: str
    members: tuple[tuple[Trial, float], ...]
    probabilities: npt.NDArray[np.float64] = field(repr=False)
    metrics: dict[str, float]


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
) -> Fitted:
    """Find, fit and export the best model of `frame` within the limits of `settings`, on at most `cores` cores.

    `columns` describe the columns of the frame. `on_event` is told of phases and trials as they come
    (`events.jsonl` without `at`). The files of a completed run go to `output_dir`, when there is one. Call it from a
    script guarded by `if __name__ == "__main__"`, because it starts worker processes.

    :raises InvalidRequest: settings or data cannot work. :raises SearchFailed: no trial gave a model.
    :raises ExportError: the ONNX graph would not answer as the Python model does.
    """
    job = _Job(settings, cores, on_event or _ignore, run_id, budget or _budget(settings))
    with tempfile.TemporaryDirectory(dir=scratch_dir, prefix=".tmp-automl-") as scratch:
        return job.run(frame, columns, Path(scratch), output_dir)


def _ignore(_event: dict[str, Any]) -> None:
    pass


def _budget(settings: AutoMLSettings) -> Budget:
    return Budget(settings.experiment_timeout_minutes * 60)


class _Job:
    def __init__(self, settings: AutoMLSettings, cores: int, on_event: EventSink, run_id: str, budget: Budget) -> None:
        self._settings = settings
        self._cores = max(1, cores)
        self._workers = min(settings.max_concurrent_iterations, self._cores)
        self._on_event = on_event
        self._run_id = run_id
        self._budget = budget

    def run(
        self, frame: pd.DataFrame, columns: Sequence[ColumnSchema], scratch: Path, output_dir: Path | None
    ) -> Fitted:
        prepare_workers()
        self._phase("profile")
        data = prepare(frame, columns, self._settings)
        logger.info("%s", _data_line(data))
        self._phase("guard")
        signals = column_signals(data, self._settings.seed, self._cores)
        findings = inspect_data(data, signals)
        for finding in findings:
            logger.info("guard: %s: %s %s", finding.severity, finding.message, finding.action)

        plan = plan_validation(data.codes, data.matrix.shape[1], self._settings, self._cores)
        shared = SharedData(scratch, len(data.classes))
        shared.write(data.matrix, data.codes, plan)
        with WorkerPool(self._workers) as pool:
            trials = self._search(pool, shared, data, plan)
            chosen, children = self._choose(trials, data, plan)
            estimators = self._refit(pool, shared, data, chosen)
        exported, export_findings = self._export(data, estimators)
        findings = [*findings, *export_findings]
        return self._finish(_Outcome(data, plan, signals, findings, chosen, children, exported), output_dir)

    def _phase(self, name: str) -> None:
        logger.info("phase %s, %.1f s of %.0f s", name, self._budget.elapsed, self._budget.limit_seconds)
        self._on_event({"event": "phase", "phase": name})

    def _search(self, pool: WorkerPool, shared: SharedData, data: PreparedData, plan: ValidationPlan) -> list[Trial]:
        self._phase("search")
        logger.info("validation: %s", plan.description)
        cells = data.matrix.size
        candidates = portfolio(
            select_models(self._settings.allowed_models, self._settings.blocked_models),
            len(data.codes),
            len(data.classes),
            self._settings.primary_metric,
            quick_first=self._budget.limit_seconds < QUICK_SECONDS_PER_CELL * cells or self._budget.limit_seconds < 20,
        )
        search = Search(
            pool=pool,
            shared=shared,
            options=self._options(data),
            settings=self._settings,
            budget=self._budget,
            reserve=lambda trials: _reserve(trials, data, plan, self._workers),
            on_trial=self._report,
        )
        reason = search.run(candidates)
        logger.info("the search ends with %d trials: %s", len(search.trials), reason)
        if not search.completed:
            failed = next((trial.error for trial in search.trials if trial.status is RunStatus.FAILED), None)
            if failed:
                raise SearchFailed(f"every trial failed; the first says: {failed}. See logs/job.log.")
            raise SearchFailed(
                f"no trial ended within experiment_timeout_minutes = {self._settings.experiment_timeout_minutes:g}; "
                f"give more time for {len(data.codes):,} rows of {data.matrix.shape[1]:,} features."
            )
        return search.trials

    def _options(self, data: PreparedData) -> FitOptions:
        return FitOptions(
            threads=max(1, self._cores // self._workers),
            seed=self._settings.seed,
            category_levels=tuple(
                (place, len(feature.categories))
                for place, feature in enumerate(data.spec.features)
                if feature.transform == "category"
            ),
        )

    def _report(self, trial: Trial) -> None:
        self._on_event(
            {
                "event": "trial",
                "iteration": trial.iteration,
                "algorithm": trial.candidate.algorithm,
                "status": trial.status.value,
                "score": trial.score,
                "duration_seconds": round(trial.seconds, 3),
                "metrics": trial.metrics,
                "parameters": trial.candidate.described(),
                "error": trial.error,
            }
        )

    def _choose(
        self, trials: list[Trial], data: PreparedData, plan: ValidationPlan
    ) -> tuple[_Chosen, list[dict[str, Any]]]:
        """The best child, and all children for `metrics.json`; the ensemble is one when it has two members or more."""
        self._phase("ensemble")
        metric = self._settings.primary_metric
        completed = [trial for trial in trials if trial.probabilities is not None]
        children = [_child(t.iteration, t.candidate.algorithm, t.status, t.score, t.metrics) for t in trials]
        best = max(completed, key=lambda trial: trial.score or 0.0)
        single = _Chosen(
            best.iteration,
            best.candidate.algorithm,
            ((best, 1.0),),
            np.asarray(best.probabilities, dtype=np.float64),
            best.metrics,
        )
        codes = data.codes[plan.validated_rows]
        predictions = [trial.probabilities for trial in completed if trial.probabilities is not None]
        started = self._budget.elapsed
        ensemble = select_ensemble(predictions, codes, class_balanced=metric == "norm_macro_recall")
        if len(ensemble.members) < 2:
            return single, children
        probabilities = combine(predictions, ensemble.members)
        metrics = classification_metrics(codes, probabilities)
        members = tuple((completed[position], weight) for position, weight in ensemble.members)
        voting = _Chosen(max(t.iteration for t in trials) + 1, VOTING_ENSEMBLE, members, probabilities, metrics)
        described = {f"{t.candidate.algorithm} (child {t.iteration})": f"{weight:.2f}" for t, weight in members}
        self._on_event(
            {
                "event": "trial",
                "iteration": voting.iteration,
                "algorithm": VOTING_ENSEMBLE,
                "status": RunStatus.COMPLETED.value,
                "score": metrics[metric],
                "duration_seconds": round(self._budget.elapsed - started, 3),
                "metrics": metrics,
                "parameters": described,
                "error": "",
            }
        )
        children.append(_child(voting.iteration, VOTING_ENSEMBLE, RunStatus.COMPLETED, metrics[metric], metrics))
        logger.info("%s %.5f (best single %.5f): %s", VOTING_ENSEMBLE, metrics[metric], best.score, described)
        return (voting if metrics[metric] >= (best.score or 0.0) else single), children

    def _refit(
        self, pool: WorkerPool, shared: SharedData, data: PreparedData, chosen: _Chosen
    ) -> list[tuple[Any, float]]:
        self._phase("refit")
        waiting = sorted(range(len(chosen.members)), key=lambda place: -chosen.members[place][0].fit_seconds)
        fitted: dict[int, Any] = {}
        while waiting or pool.running:
            while waiting and pool.idle:
                place = waiting.pop(0)
                pool.submit(place, refit, shared, chosen.members[place][0].candidate, self._options(data))
            for outcome in pool.wait(1.0):
                if outcome.error:
                    raise SearchFailed(f"{chosen.members[outcome.ticket][0].candidate.algorithm}: {outcome.error}")
                fitted[outcome.ticket] = outcome.value
        return [(fitted[place], weight) for place, (_, weight) in enumerate(chosen.members)]

    def _export(self, data: PreparedData, members: list[tuple[Any, float]]) -> tuple[Export, list[DataGuardFinding]]:
        self._phase("export")
        exported = export(
            members,
            spec=data.spec,
            classes=data.classes,
            label_kind=data.label.kind,
            matrix=data.matrix,
            threads=self._cores,
        )
        logger.info(
            "ONNX and Python agree on the labels of all %d rows, probabilities to %.1g",
            len(data.matrix), exported.max_difference,
        )  # fmt: skip
        findings = [
            DataGuardFinding(
                guard="onnx_export",
                severity="warning",
                message=f"{type(members[position][0]).__name__} cannot be exported to ONNX exactly: {reason}",
                action="left out of the ensemble; the validation metrics are of the ensemble with it",
            )
            for position, reason in exported.left_out
        ]
        return exported, findings

    def _finish(self, outcome: _Outcome, output_dir: Path | None) -> Fitted:
        data, chosen, plan = outcome.data, outcome.chosen, outcome.plan
        codes = data.codes[plan.validated_rows]
        self._phase("evaluate")
        evaluation = evaluate_predictions(codes, chosen.probabilities, data.classes, plan.description)
        used = list(dict.fromkeys(feature.column for feature in data.spec.features))
        columns = [signal.column for signal in outcome.signals] or used
        cohorts = cohort_metrics(data, plan.validated_rows, chosen.probabilities, columns)
        self._phase("explain")
        explanation = explain(outcome.exported.model, data, outcome.signals, self._settings.seed, self._budget)
        self._phase("finalize")
        result = AutoMLResult(
            run_id=self._run_id,
            best_child_run_id=f"{self._run_id}_{chosen.iteration}",
            best_algorithm=chosen.algorithm,
            primary_metric=self._settings.primary_metric,
            metrics=chosen.metrics,
            validation=plan.description,
            child_runs=len(outcome.children),
            classes=data.classes,
            rows_used=len(data.frame),
            rows_dropped=data.rows_dropped,
            findings=tuple(outcome.findings),
            feature_importance=dict(list(explanation["raw"].items())[:MAX_IMPORTANCES]),
        )
        if output_dir is not None:
            write_package(output_dir, outcome.exported, data)
            metrics = {"metrics": chosen.metrics, "validation": plan.description, "children": outcome.children}
            write_json(output_dir / "metrics.json", metrics)
            write_json(output_dir / "evaluation.json", evaluation)
            write_json(output_dir / "explanation.json", explanation)
            write_json(output_dir / "cohorts.json", cohorts)
            write_json(output_dir / "data_guard.json", {"findings": outcome.findings})
        logger.info(
            "best child: %s %s = %.5f (%s), %.1f s in all",
            chosen.algorithm, result.primary_metric, chosen.metrics[result.primary_metric], plan.description,
            self._budget.elapsed,
        )  # fmt: skip
        return Fitted(result, outcome.exported.model)


@dataclass(frozen=True)
class _Outcome:
    data: PreparedData
    plan: ValidationPlan
    signals: list[ColumnSignal]
    findings: list[DataGuardFinding]
    chosen: _Chosen
    children: list[dict[str, Any]]
    exported: Export


def _child(
    iteration: int, algorithm: str, status: RunStatus, score: float | None, metrics: dict[str, float]
) -> dict[str, Any]:
    return {
        "iteration": iteration,
        "algorithm": algorithm,
        "status": status.value,
        "score": score,
        "metrics": metrics,
    }


def _reserve(trials: list[Trial], data: PreparedData, plan: ValidationPlan, workers: int) -> float:
    """Seconds to keep for ensemble, refit, export, evaluation and explanation."""
    growth = len(data.codes) / max(1, len(plan.split(0)[0]))
    best = sorted((t for t in trials if t.score is not None), key=lambda t: -(t.score or 0.0))[:6]
    refits = sum(trial.fit_seconds for trial in best) * growth / workers
    return 1.0 + 1.2 * refits + 6e-6 * data.matrix.size


def _data_line(data: PreparedData) -> str:
    counts = np.bincount(data.codes)
    shown = ", ".join(f"{name} {count:,}" for name, count in zip(data.classes[:10], counts, strict=False))
    return (
        f"{len(data.codes):,} rows ({data.rows_dropped:,} without a label dropped), {data.matrix.shape[1]:,} features "
        f"of {len({f.column for f in data.spec.features}):,} columns, classes: {shown}"
    )
