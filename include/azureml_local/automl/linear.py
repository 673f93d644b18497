"""Logistic regression on the float32 matrix: categories one-hot encoded, numbers standardised and clipped."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

MAX_ONE_HOT_LEVELS = 50
CLIP = 5.0
"""Standard deviations beyond which a number says no more, so that one outlier cannot move a prediction anywhere."""


class OneHotLogisticRegression:
    """A multinomial logistic regression that owns its preparation, so that it takes the same matrix as the trees.

    `category_levels` maps a matrix column to its number of levels (values 0 to levels-1, -1 for unseen, which is
    all zeros); columns with more than 50 levels are taken as numbers.
    """

    def __init__(self, C: float = 1.0, category_levels: tuple[tuple[int, int], ...] = ()) -> None:  # noqa: N803
        self.C = C
        self.category_levels = category_levels

    def fit(self, matrix: Matrix, codes: npt.NDArray[np.int64], sample_weight: Any = None) -> Self:
        """Fit by L-BFGS; `codes` hold every class from 0 to C-1."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        hot = {column: levels for column, levels in self.category_levels if levels <= MAX_ONE_HOT_LEVELS}
        self.number_columns_ = np.array([i for i in range(matrix.shape[1]) if i not in hot], dtype=np.int64)
        self.hot_columns_ = np.array([c for c, levels in hot.items() for _ in range(levels)], dtype=np.int64)
        self.hot_levels_ = np.array([i for levels in hot.values() for i in range(levels)], dtype=np.float32)
        numbers = matrix[:, self.number_columns_].astype(np.float64)
        self.mean_ = numbers.mean(axis=0)
        spread = numbers.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        model = LogisticRegression(C=self.C, max_iter=200)
        with warnings.catch_warnings():
            # Two hundred steps from a standardised start are close enough; the validation score is the judge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.design(matrix), codes, sample_weight=sample_weight)
        weights, bias = model.coef_.T, model.intercept_
        if weights.shape[1] == 1:  # two classes have one column of weights; a zero column makes it a softmax
            weights, bias = np.hstack([np.zeros_like(weights), weights]), np.concatenate([[0.0], bias])
        self.weights_: npt.NDArray[np.float64] = np.ascontiguousarray(weights, dtype=np.float64)
        self.bias_: npt.NDArray[np.float64] = np.asarray(bias, dtype=np.float64)
        return self

    def design(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Standardised numbers, then one-hot columns."""
        numbers = np.clip((matrix[:, self.number_columns_].astype(np.float64) - self.mean_) / self.scale_, -CLIP, CLIP)
        hot = (matrix[:, self.hot_columns_] == self.hot_levels_).astype(np.float64)
        return np.hstack([numbers, hot])

    def predict_proba(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """[rows, classes]."""
        scores = self.design(matrix) @ self.weights_ + self.bias_
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        probabilities: npt.NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return probabilities
