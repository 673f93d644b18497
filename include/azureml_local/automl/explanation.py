"""Which columns the model relies on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost
from lightgbm import LGBMClassifier
from xgboost import XGBClassifier

from azureml_local.automl.budget import Budget
from azureml_local.automl.leakage import ColumnSignal
from azureml_local.automl.model import VotingModel
from azureml_local.automl.prepare import PreparedData
from azureml_local.automl.row_weights import Weighing
from azureml_workspace.metrics.classification import log_loss

Floats = npt.NDArray[np.float64]

SHAP_ROWS = 500
SHAP_TRIAL_ROWS = 20
SHAP_SECONDS = 5.0
"""SHAP values of 500 rows, or of as many as fit in this time: that of a row grows with trees, classes and features."""

PERMUTATION_ROWS = 1000
PERMUTATION_COLUMNS = 50
REPEATS = 3


def explain(
    model: VotingModel,
    data: PreparedData,
    signals: Sequence[ColumnSignal],
    seed: int,
    budget: Budget,
    weighed: Weighing | None = None,
) -> dict[str, Any]:
    """The content of `explanation.json`: shares of importance, largest first, that add up to 1, or are all 0.

    Exact SHAP values (TreeSHAP) where the model has LightGBM or XGBoost members, else permutation importance, both on
    rows that the model was fitted on; `method` says which. `raw` is per column of the data. `engineered` is per matrix
    feature, whose sum over a column is that of `raw`; it is empty with permutation importance, which permutes the
    features of a column together, and counts the loss of rows that are `weighed` as learning did. All shares are 0
    when no permutation makes the model worse.
    """
    rng = np.random.default_rng(seed)
    explained = _shap_shares(model, data.matrix[_sample(len(data.matrix), SHAP_ROWS, rng)], budget)
    if explained is None:
        raw, method = _permutation_shares(model, data, signals, rng, budget, weighed)
        return {"method": method, "raw": _ranked(raw), "engineered": {}}
    engineered, method = explained
    raw = {}
    for feature, share in zip(data.spec.features, engineered, strict=True):
        raw[feature.column] = raw.get(feature.column, 0.0) + float(share)
    named = {feature.name: float(share) for feature, share in zip(data.spec.features, engineered, strict=True)}
    return {"method": method, "raw": _ranked(raw), "engineered": _ranked(named)}


def _shap_shares(model: VotingModel, matrix: npt.NDArray[np.float32], budget: Budget) -> tuple[Floats, str] | None:
    started = time.monotonic()
    for member, _ in model.members:
        _tree_shap(member, matrix[:SHAP_TRIAL_ROWS])
    row_seconds = (time.monotonic() - started) / SHAP_TRIAL_ROWS
    matrix = matrix[: max(SHAP_TRIAL_ROWS, int(min(SHAP_SECONDS, max(1.0, budget.left)) / row_seconds))]
    shares = np.zeros(matrix.shape[1])
    covered, members = 0.0, 0
    for member, weight in model.members:
        values = _tree_shap(member, matrix)
        if values is not None and values.sum() > 0:
            shares += weight * values / values.sum()
            covered += weight
            members += 1
    if members == 0:
        return None
    method = (
        f"mean absolute SHAP value (TreeSHAP) on {len(matrix):,} training rows, of {members} of the "
        f"{len(model.members)} members ({covered:.0%} of the vote)"
    )
    return shares / covered, method


def _tree_shap(member: Any, matrix: npt.NDArray[np.float32]) -> Floats | None:
    """Mean absolute contribution of each feature, None for a classifier without TreeSHAP of its own."""
    features = matrix.shape[1]
    if isinstance(member, LGBMClassifier):
        contributions = np.asarray(member.predict(matrix, pred_contrib=True)).reshape(len(matrix), -1, features + 1)
    elif isinstance(member, XGBClassifier):
        found = member.get_booster().predict(xgboost.DMatrix(matrix), pred_contribs=True)
        contributions = np.asarray(found).reshape(len(matrix), -1, features + 1)
    else:
        return None
    values: Floats = np.abs(contributions[:, :, :features]).mean(axis=(0, 1)).astype(np.float64)
    return values


def _permutation_shares(
    model: VotingModel,
    data: PreparedData,
    signals: Sequence[ColumnSignal],
    rng: np.random.Generator,
    budget: Budget,
    weighed: Weighing | None,
) -> tuple[dict[str, float], str]:
    rows = _sample(len(data.matrix), PERMUTATION_ROWS, rng)
    matrix, codes = data.matrix[rows], data.codes[rows]
    weights = None if weighed is None else weighed.of_classes(data.codes)[codes]
    places: dict[str, list[int]] = {}
    for position, feature in enumerate(data.spec.features):
        places.setdefault(feature.column, []).append(position)
    columns = ([signal.column for signal in signals] or list(places))[:PERMUTATION_COLUMNS]
    base = log_loss(codes, model.probabilities(matrix), weights)
    rises = dict.fromkeys(places, 0.0)
    done = 0
    for column in columns:
        if done and budget.left <= 0:
            break
        shuffled = matrix.copy()
        losses = []
        for _ in range(REPEATS):
            # All features of the column from the same other row: a date's month without its year is no date.
            shuffled[:, places[column]] = matrix[rng.permutation(len(matrix))][:, places[column]]
            losses.append(log_loss(codes, model.probabilities(shuffled), weights))
        rises[column] = max(0.0, float(np.mean(losses)) - base)
        done += 1
    method = f"permutation importance (rise of the log loss) on {len(rows):,} training rows, {REPEATS} repeats"
    if done < len(places):
        method += (
            f"; only the {done} of {len(places):,} columns that say most about the label by themselves were permuted"
        )
    total = sum(rises.values())
    return ({column: rise / total for column, rise in rises.items()} if total > 0 else rises), method


def _sample(rows: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.arange(rows) if rows <= most else rng.choice(rows, most, replace=False)


def _ranked(shares: dict[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
