"""Candidates (an algorithm with its parameters) and how each is built and fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from azureml_local.automl import catalog
from azureml_local.automl.custom_classifier import CustomTask
from azureml_local.automl.linear import OneHotLogisticRegression
from azureml_local.automl.row_weights import CLASS_WEIGHT

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidate:
    """One thing to try. `parameters` are those of the library's own classifier, and optionally `class_weight`.

    A custom pipeline has a `task`, and its name for the algorithm. `limit_seconds` bounds the wall time of its trial.
    """

    algorithm: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    task: CustomTask | None = None
    limit_seconds: float | None = None

    def described(self) -> dict[str, str]:
        """The parameters as text, floats to six significant digits; of a custom pipeline the steps, too."""
        steps = {} if self.task is None else self.task.described()
        return steps | {
            name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in self.parameters.items()
        }


@dataclass(frozen=True)
class FitOptions:
    """What all fits of a run share. `category_levels` are (matrix column, number of levels) of the categories."""

    threads: int
    seed: int
    category_levels: tuple[tuple[int, int], ...] = ()


def fit(candidate: Candidate, matrix: Matrix, codes: Codes, options: FitOptions) -> Any:
    """A fitted classifier with `predict_proba`; its classes are 0 to C-1, all of which `codes` must hold."""
    estimator = _build(candidate, matrix.shape, options)
    weighed = candidate.parameters.get(CLASS_WEIGHT)
    weights = None if weighed is None else weighed.of_rows(codes)
    with threadpool_limits(options.threads):
        return estimator.fit(matrix, codes, sample_weight=weights)


def predict_probabilities(estimator: Any, matrix: Matrix, threads: int = 1) -> npt.NDArray[np.float64]:
    """[rows, classes]."""
    with threadpool_limits(threads):
        probabilities: npt.NDArray[np.float64] = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
    return probabilities


def _build(candidate: Candidate, shape: tuple[int, ...], options: FitOptions) -> Any:
    if candidate.task is not None:
        return candidate.task.build(options.threads, options.seed)
    parameters = {name: value for name, value in candidate.parameters.items() if name != CLASS_WEIGHT}
    common: dict[str, Any] = {"random_state": options.seed, "n_jobs": options.threads}
    match candidate.algorithm:
        case catalog.LIGHTGBM:
            # LightGBM otherwise times both layouts and takes the faster one, which makes a run irreproducible.
            wide = shape[1] > shape[0]
            layout: dict[str, Any] = {"deterministic": True, "force_col_wise": wide, "force_row_wise": not wide}
            return LGBMClassifier(**parameters, **common, **layout, verbose=-1)
        case catalog.XGBOOST:
            return XGBClassifier(**parameters, **common, tree_method="hist", verbosity=0)
        case catalog.HIST_GRADIENT_BOOSTING:
            return HistGradientBoostingClassifier(**parameters, random_state=options.seed)
        case catalog.RANDOM_FOREST:
            return RandomForestClassifier(**parameters, **common)
        case catalog.EXTRA_TREES:
            return ExtraTreesClassifier(**parameters, **common)
        case catalog.LOGISTIC_REGRESSION:
            return OneHotLogisticRegression(**parameters, category_levels=options.category_levels)
        case catalog.DECISION_TREE:
            return DecisionTreeClassifier(**parameters, random_state=options.seed)
        case unknown:
            raise ValueError(f"no such algorithm: {unknown!r}")
