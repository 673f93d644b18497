"""One trial: a candidate fitted on every fold, scored on the rows it has not seen. Runs in a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from azureml_local.automl.learners import Candidate, FitOptions, fit, predict_probabilities
from azureml_local.automl.validation import ValidationPlan
from azureml_workspace.metrics.classification import classification_metrics


@dataclass(frozen=True)
class SharedData:
    """The folder that holds a run's matrix, codes and folds, which the workers map into memory instead of copying."""

    folder: Path
    classes: int

    def write(self, matrix: npt.NDArray[np.float32], codes: npt.NDArray[np.int64], plan: ValidationPlan) -> None:
        """Fill the folder."""
        np.save(self.folder / "matrix.npy", matrix)
        np.save(self.folder / "codes.npy", codes)
        np.save(self.folder / "folds.npy", plan.fold_of_row)


@dataclass(frozen=True)
class TrialResult:
    """Out-of-fold `probabilities` [validated rows, classes], and the metrics on them.

    `fit_seconds` is the mean time of one fold's fit, `seconds` the wall time of the whole trial.
    """

    metrics: dict[str, float]
    probabilities: npt.NDArray[np.float32] = field(repr=False)
    seconds: float
    fit_seconds: float


def evaluate(shared: SharedData, candidate: Candidate, options: FitOptions) -> TrialResult:
    """Fit on every fold, predict the rest of it, score all predictions together.

    A custom pipeline is converted to ONNX once, so that its own trial fails when that cannot be done.

    :raises ExportError: it cannot be exported.
    """
    started = time.monotonic()
    matrix, codes, plan = _load(shared.folder)
    probabilities = np.zeros((len(codes), shared.classes), dtype=np.float32)
    fitting = 0.0
    for fold in range(plan.folds):
        learned, validated = plan.split(fold)
        before = time.monotonic()
        estimator = fit(candidate, matrix[learned], codes[learned], options)
        if candidate.task is not None and fold == 0:
            _require_convertible(estimator, matrix[validated], options.threads)
        fitting += time.monotonic() - before
        probabilities[validated] = predict_probabilities(estimator, matrix[validated], options.threads)
    scored = plan.validated_rows
    metrics = classification_metrics(codes[scored], probabilities[scored])
    return TrialResult(metrics, probabilities[scored], time.monotonic() - started, fitting / plan.folds)


def refit(shared: SharedData, candidate: Candidate, options: FitOptions) -> Any:
    """The candidate fitted on all rows."""
    matrix, codes, _ = _load(shared.folder)
    return fit(candidate, np.ascontiguousarray(matrix), codes, options)


def _require_convertible(estimator: Any, matrix: npt.NDArray[np.float32], threads: int) -> None:
    from azureml_local.automl.onnx_export import convert_member  # no other trial needs the converters

    convert_member(estimator, matrix, threads)


@lru_cache(maxsize=1)
def _load(folder: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], ValidationPlan]:
    matrix = np.load(folder / "matrix.npy", mmap_mode="r")
    return matrix, np.load(folder / "codes.npy"), ValidationPlan(np.load(folder / "folds.npy"), "")
