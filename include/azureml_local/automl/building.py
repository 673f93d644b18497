"""From the trials to the exported model: choose, refit on all rows, convert; again without what cannot be exported."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from azureml_local.automl.budget import Budget
from azureml_local.automl.learners import FitOptions
from azureml_local.automl.onnx_export import ConvertedMember, Export, ExportError, convert_member, merge_members
from azureml_local.automl.prepare import PreparedData
from azureml_local.automl.row_weights import Weighing, weighing
from azureml_local.automl.search import SearchFailed, Trial
from azureml_local.automl.selection import BestChild, best_single, better, voting_ensemble
from azureml_local.automl.trial import SharedData, refit
from azureml_local.automl.validation import ValidationPlan
from azureml_local.automl.workers import WorkerPool
from azureml_workspace.records import AutoMLSettings, DataGuardFinding

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltModel:
    """The best child and its export.

    `ensemble` is the ensemble it was chosen over or is itself, None when there is none, and `ensemble_seconds` what
    choosing it took. `unexportable` maps the iteration of each trial that had to be left out to the reason.
    """

    best: BestChild
    ensemble: BestChild | None
    ensemble_seconds: float
    exported: Export
    unexportable: Mapping[int, str]


@dataclass
class ModelBuilder:
    """`options` gives the fit options for so many fits at once; `on_phase` is told of each phase as it begins."""

    data: PreparedData
    plan: ValidationPlan
    settings: AutoMLSettings
    pool: WorkerPool
    shared: SharedData
    options: Callable[[int], FitOptions]
    workers: int
    cores: int
    budget: Budget
    on_phase: Callable[[str], None]
    _converted: dict[int, ConvertedMember] = field(default_factory=dict, init=False)
    _unexportable: dict[int, str] = field(default_factory=dict, init=False)

    def build(self, trials: Sequence[Trial]) -> BuiltModel:
        """The best child of which every member can be exported.

        :raises SearchFailed: a member could not be fitted on all rows. :raises ExportError: nothing can be exported.
        """
        while True:
            self.on_phase("ensemble")
            started = self.budget.elapsed
            best, ensemble = self._choose(trials)
            seconds = self.budget.elapsed - started
            self.on_phase("refit")
            fitted = self._refit([trial for trial, _ in best.members if trial.iteration not in self._converted])
            self.on_phase("export")
            for trial, _ in best.members:
                if trial.iteration in fitted:
                    self._convert(trial, fitted[trial.iteration])
            if all(trial.iteration in self._converted for trial, _ in best.members):
                return BuiltModel(best, ensemble, seconds, self._merge(best), self._unexportable)

    def _choose(self, trials: Sequence[Trial]) -> tuple[BestChild, BestChild | None]:
        """The best child among the trials that are not known to be unexportable, and the ensemble of those."""
        usable = [t for t in trials if t.probabilities is not None and t.iteration not in self._unexportable]
        if not usable:
            raise ExportError("no trial can be exported to ONNX: " + "; ".join(self._unexportable.values()))
        metric = self.settings.primary_metric
        codes = self.data.codes[self.plan.validated_rows]
        parts = self.plan.weighting_parts(codes, self.settings.seed)
        single = best_single(usable)
        following = max(trial.iteration for trial in trials) + 1
        ensemble = voting_ensemble(usable, codes, parts, following, self._class_weights())
        if ensemble is None:
            return single, None
        logger.info(
            "%s %.5f, best single trial %.5f: %s",
            ensemble.algorithm, ensemble.metrics[metric], single.metrics[metric], ensemble.described(),
        )  # fmt: skip
        return better(ensemble, single, metric), ensemble

    def _class_weights(self) -> npt.NDArray[np.float64] | None:
        """How much a row of each class counts in the choice of the ensemble's weights, None when all count alike."""
        weighed = weighing(self.settings.class_weights, self.data.classes)
        if weighed is None and self.settings.primary_metric == "norm_macro_recall":
            weighed = Weighing()
        return None if weighed is None else weighed.of_classes(self.data.codes)

    def _refit(self, trials: Sequence[Trial]) -> dict[int, Any]:
        """Each trial's classifier fitted on all rows, by iteration."""
        # The slowest first, so that no core is idle at the end.
        waiting = sorted(trials, key=lambda trial: trial.fit_seconds)
        options = self.options(min(self.workers, max(1, len(waiting))))
        by_iteration = {trial.iteration: trial for trial in trials}
        fitted: dict[int, Any] = {}
        while waiting or self.pool.running:
            while waiting and self.pool.idle:
                trial = waiting.pop()
                self.pool.submit(trial.iteration, refit, self.shared, trial.candidate, options)
            for outcome in self.pool.wait(1.0):
                trial = by_iteration[outcome.ticket]
                if not outcome.error:
                    fitted[outcome.ticket] = outcome.value
                elif trial.candidate.task is not None:
                    self._leave_out(trial, f"on all rows: {outcome.error}")
                else:
                    raise SearchFailed(f"{trial.candidate.algorithm}, on all rows: {outcome.error}")
        return fitted

    def _convert(self, trial: Trial, estimator: Any) -> None:
        try:
            self._converted[trial.iteration] = convert_member(estimator, self.data.matrix, self.cores)
        except ExportError as error:
            logger.warning("child %d cannot be exported: %s", trial.iteration, error, exc_info=error.__cause__)
            self._leave_out(trial, str(error))

    def _leave_out(self, trial: Trial, reason: str) -> None:
        self._unexportable[trial.iteration] = f"{trial.candidate.algorithm} (child {trial.iteration}): {reason}"

    def _merge(self, best: BestChild) -> Export:
        exported = merge_members(
            [(self._converted[trial.iteration], weight) for trial, weight in best.members],
            spec=self.data.spec,
            classes=self.data.classes,
            label_kind=self.data.label.kind,
            matrix=self.data.matrix,
            threads=self.cores,
        )
        logger.info(
            "ONNX and Python give the same label on all %d rows, probabilities differ by %.1g at most",
            len(self.data.matrix), exported.max_difference,
        )  # fmt: skip
        return exported


def export_findings(unexportable: Mapping[int, str]) -> list[DataGuardFinding]:
    """A finding for each trial that was left out because it cannot be exported."""
    return [
        DataGuardFinding(
            guard="onnx_export",
            severity="warning",
            message=f"cannot be exported to ONNX exactly: {reason}",
            action="left out; the best model was chosen among the others",
        )
        for reason in unexportable.values()
    ]
