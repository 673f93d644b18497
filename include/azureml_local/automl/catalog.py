"""The algorithms the engine has, under the names Azure gives them. Imports no ML library."""

from __future__ import annotations

from collections.abc import Sequence

from azureml_workspace.errors import InvalidRequest

LIGHTGBM = "LightGBM"
XGBOOST = "XGBoostClassifier"
HIST_GRADIENT_BOOSTING = "GradientBoosting"
RANDOM_FOREST = "RandomForest"
EXTRA_TREES = "ExtremeRandomTrees"
LOGISTIC_REGRESSION = "LogisticRegression"
DECISION_TREE = "DecisionTree"

ALLOWED_MODELS: tuple[str, ...] = (
    LIGHTGBM,
    XGBOOST,
    HIST_GRADIENT_BOOSTING,
    RANDOM_FOREST,
    EXTRA_TREES,
    LOGISTIC_REGRESSION,
    DECISION_TREE,
)
"""Values of `allowed_models` and `blocked_models`."""

VOTING_ENSEMBLE = "VotingEnsemble"


def select_models(allowed: Sequence[str], blocked: Sequence[str]) -> tuple[str, ...]:
    """The algorithms a run may try: `allowed` (all, when empty) without `blocked`.

    :raises InvalidRequest: a name the engine does not have, or nothing is left.
    """
    for setting, names in (("allowed_models", allowed), ("blocked_models", blocked)):
        for name in names:
            if name not in ALLOWED_MODELS:
                raise InvalidRequest(f"{setting} names {name!r}; choose among {', '.join(ALLOWED_MODELS)}.")
    chosen = tuple(name for name in ALLOWED_MODELS if (not allowed or name in allowed) and name not in blocked)
    if not chosen:
        raise InvalidRequest(f"blocked_models leaves no model to try; allow one of {', '.join(ALLOWED_MODELS)}.")
    return chosen
