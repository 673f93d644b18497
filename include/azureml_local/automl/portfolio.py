"""Where the search starts: configurations that do well on tabular data, before anything is known about this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from azureml_local.automl import catalog
from azureml_local.automl.learners import Candidate
from azureml_local.automl.row_weights import CLASS_WEIGHT, Weighing

BREADTH_ROWS = 10_000
"""Up to so many rows the algorithms that rarely win on large data are cheap enough to be tried anyway."""

MAX_LEARNING_RATE = 0.1
"""With many classes, larger steps make boosting diverge (AUC 0.58 with 60 classes at 0.2, 0.99 at 0.1)."""

MANY_CLASSES = 10
TREE_FEATURES = 200
WIDE_FEATURES = 1000
WIDE_BINS = 63

LIGHTGBM_SLOW: Mapping[str, Any] = {
    "n_estimators": 400,
    "learning_rate": 0.025,
    "num_leaves": 20,
    "min_child_samples": 40,
    "colsample_bytree": 0.5,
    "subsample": 0.8,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
}
LIGHTGBM_DEFAULT: Mapping[str, Any] = {"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 31}
HIST_DEFAULT: Mapping[str, Any] = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 31}
XGBOOST_SLOW: Mapping[str, Any] = {"n_estimators": 300, "learning_rate": 0.04, "max_depth": 5}
FOREST: Mapping[str, Any] = {"n_estimators": 100, "max_leaf_nodes": 400, "min_samples_leaf": 2}
FOREST_LEAF_CLASSES = 4000
"""Leaves times classes of one tree. The size of a forest's graph, which the web service has to load, goes with both."""


@dataclass(frozen=True)
class DataShape:
    """What the portfolio is fitted to."""

    rows: int
    features: int
    classes: int


def portfolio(
    models: Sequence[str],
    shape: DataShape,
    primary_metric: str,
    *,
    quick_first: bool,
    weighed: Weighing | None = None,
) -> list[Candidate]:
    """The first candidates, most promising first; with `quick_first` the cheapest of the boosted ones leads.

    `models` are the algorithms the run may try. The forests, the logistic regression and the tree are in it when there
    are at most 10,000 rows, or when some algorithm is not allowed; they lead where boosting is costly, with more
    features than rows or more than 10 classes. All learn from rows that are `weighed`.
    """
    rows = shape.rows
    boosted = [
        Candidate(catalog.LIGHTGBM, _fitting(LIGHTGBM_SLOW, "n_estimators", "colsample_bytree", "max_bin", shape)),
        Candidate(catalog.LIGHTGBM, _fitting(LIGHTGBM_DEFAULT, "n_estimators", "colsample_bytree", "max_bin", shape)),
        Candidate(
            catalog.HIST_GRADIENT_BOOSTING, _fitting(HIST_DEFAULT, "max_iter", "max_features", "max_bins", shape)
        ),
        Candidate(catalog.XGBOOST, _fitting(XGBOOST_SLOW, "n_estimators", "colsample_bytree", "max_bin", shape)),
    ]
    if quick_first:
        boosted[0], boosted[1] = boosted[1], boosted[0]
    forest = {**FOREST, "max_leaf_nodes": min(FOREST["max_leaf_nodes"], max(16, FOREST_LEAF_CLASSES // shape.classes))}
    breadth = [
        Candidate(catalog.LOGISTIC_REGRESSION, {"C": 1.0}),
        Candidate(catalog.EXTRA_TREES, forest),
        Candidate(catalog.RANDOM_FOREST, forest),
        Candidate(catalog.DECISION_TREE, {"max_depth": 6, "min_samples_leaf": max(2, min(20, rows // 50))}),
    ]
    chosen = [candidate for candidate in boosted if candidate.algorithm in models]
    if rows <= BREADTH_ROWS or len(set(models)) < len(catalog.ALLOWED_MODELS):
        others = [candidate for candidate in breadth if candidate.algorithm in models]
        costly = shape.features > rows or shape.classes > MANY_CLASSES
        chosen = others + chosen if costly else chosen + others
    if weighed is not None:
        return [Candidate(one.algorithm, {**one.parameters, CLASS_WEIGHT: weighed}) for one in chosen]
    if primary_metric == "norm_macro_recall":
        # It counts every class alike, so models that do too have to be among the candidates.
        chosen = [
            variant
            for candidate in chosen
            for variant in (
                Candidate(candidate.algorithm, {**candidate.parameters, CLASS_WEIGHT: Weighing()}),
                candidate,
            )
        ]
    return chosen


def _fitting(parameters: Mapping[str, Any], rounds: str, sampling: str, bins: str, shape: DataShape) -> dict[str, Any]:
    """`parameters` fitted to the data.

    Fewer, larger steps where each round grows one tree per class, leaves that small data can fill, and trees that look
    at some 200 features each and, with more than 1,000, into coarser bins, because both are what a tree's time goes to.
    """
    scaled = dict(parameters)
    if shape.features > TREE_FEATURES:
        scaled[sampling] = max(0.05, round(min(scaled.get(sampling, 1.0), TREE_FEATURES / shape.features), 3))
    if shape.features > WIDE_FEATURES:
        scaled[bins] = WIDE_BINS
    if shape.classes > 2:
        shrink = float(np.sqrt(2 / shape.classes))
        scaled[rounds] = max(30, round(scaled[rounds] * shrink))
        scaled["learning_rate"] = min(MAX_LEARNING_RATE, scaled["learning_rate"] / shrink)
    smallest = max(3, shape.rows // 50)
    if rounds == "n_estimators" and "num_leaves" in scaled:
        scaled["min_child_samples"] = min(scaled.get("min_child_samples", 20), smallest)
    elif rounds == "max_iter":
        scaled["min_samples_leaf"] = min(20, smallest)
    return scaled
