"""A custom pipeline as a classifier on the float32 matrix, so that it takes what all other learners take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from azureml_local.automl.custom_pipeline import build_pipeline
from azureml_local.automl.linear import MAX_ONE_HOT_LEVELS
from azureml_local.features.spec import Feature
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import CustomPipeline

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CustomTask:
    """A custom pipeline and where its input is in the matrix.

    `numbers` are matrix columns taken as they are, `hot` are (matrix column, number of levels) of the categories that
    become columns of 0 and 1.
    """

    pipeline: CustomPipeline
    numbers: tuple[int, ...]
    hot: tuple[tuple[int, int], ...]

    def described(self) -> dict[str, str]:
        """The steps as parameters of the child run."""
        return {
            f"step {place}": f"{step.estimator.rpartition('.')[2]}({_arguments(step.params)})"
            for place, step in enumerate(self.pipeline.steps, 1)
        }

    def build(self, threads: int, seed: int) -> CustomClassifier:
        """The unfitted classifier."""
        return CustomClassifier(self, build_pipeline(self.pipeline, threads=threads, seed=seed))


class CustomClassifier:
    """A scikit-learn pipeline that is given numbers and one-hot categories, in float64, out of the matrix."""

    def __init__(self, task: CustomTask, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.number_columns_ = np.array(task.numbers, dtype=np.int64)
        self.hot_columns_ = np.array([column for column, levels in task.hot for _ in range(levels)], dtype=np.int64)
        self.hot_levels_ = np.array([level for _, levels in task.hot for level in range(levels)], dtype=np.float32)

    def fit(self, matrix: Matrix, codes: npt.NDArray[np.int64], sample_weight: Any = None) -> Self:
        """Fit all steps; the weights of rows go to the last one. `codes` hold every class from 0 to C-1."""
        last = self.pipeline.steps[-1][0]
        weights = {} if sample_weight is None else {f"{last}__sample_weight": sample_weight}
        self.pipeline.fit(self.design(matrix), codes, **weights)
        return self

    def design(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Numbers, then one-hot columns (an unseen category is all zeros)."""
        numbers = matrix[:, self.number_columns_].astype(np.float64)
        hot = (matrix[:, self.hot_columns_] == self.hot_levels_).astype(np.float64)
        return np.hstack([numbers, hot])

    def predict_proba(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """[rows, classes]."""
        probabilities: npt.NDArray[np.float64] = self.pipeline.predict_proba(self.design(matrix))
        return probabilities


def custom_task(pipeline: CustomPipeline, features: Sequence[Feature]) -> CustomTask:
    """Where the pipeline's input is among the features of the matrix.

    :raises InvalidRequest: none of the columns it wants is used by AutoML.
    """
    chosen = [
        (place, feature)
        for place, feature in enumerate(features)
        if not pipeline.columns or feature.column in pipeline.columns
    ]
    if not chosen:
        raise InvalidRequest(
            f"custom pipeline {pipeline.name!r} wants {', '.join(map(repr, pipeline.columns))}; AutoML uses none of "
            "them, because they are constant, empty or name the rows."
        )
    hot = tuple(
        (place, len(feature.categories))
        for place, feature in chosen
        if feature.transform == "category"
        and pipeline.categories == "one_hot"
        and len(feature.categories) <= MAX_ONE_HOT_LEVELS
    )
    places = {place for place, _ in hot}
    return CustomTask(pipeline, tuple(place for place, _ in chosen if place not in places), hot)


def _arguments(params: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in params.items())[:200]
