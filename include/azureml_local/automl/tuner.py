"""FLAML's cost-frugal search (CFO), one per algorithm, asked for candidates and told how they did.

CFO is FLAML's own search algorithm (Wu, Wang, Huang: Frugal Optimization for Cost-related Hyperparameters, AAAI 2021).
It is used through its ask-and-tell interface instead of `flaml.AutoML`, so that its trials are validated on the same
folds as all others and their out-of-fold predictions can join the ensemble.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flaml.tune.sample import lograndint, loguniform, randint, uniform
from flaml.tune.searcher.blendsearch import CFO

from azureml_local.automl import catalog
from azureml_local.automl.learners import Candidate

_FOREST_SPACE: Mapping[str, Any] = {
    "n_estimators": lograndint(40, 150),
    "max_leaf_nodes": lograndint(16, 500),
    "min_samples_leaf": lograndint(1, 64),
    "max_features": loguniform(0.05, 1.0),
}

# Upper bounds keep the exported graph to a few megabytes: it has to be loaded by the web service.
SPACES: Mapping[str, Mapping[str, Any]] = {
    catalog.LIGHTGBM: {
        "n_estimators": lograndint(50, 600),
        "learning_rate": loguniform(0.01, 0.3),
        "num_leaves": lograndint(4, 64),
        "min_child_samples": lograndint(2, 128),
        "colsample_bytree": loguniform(0.05, 1.0),
        "subsample": uniform(0.5, 1.0),
        "reg_lambda": loguniform(0.001, 100.0),
    },
    catalog.XGBOOST: {
        "n_estimators": lograndint(50, 500),
        "learning_rate": loguniform(0.01, 0.3),
        "max_depth": randint(2, 9),
        "min_child_weight": loguniform(0.1, 64.0),
        "colsample_bytree": loguniform(0.05, 1.0),
        "subsample": uniform(0.5, 1.0),
        "reg_lambda": loguniform(0.001, 100.0),
    },
    catalog.HIST_GRADIENT_BOOSTING: {
        "max_iter": lograndint(50, 400),
        "learning_rate": loguniform(0.01, 0.3),
        "max_leaf_nodes": lograndint(4, 64),
        "min_samples_leaf": lograndint(2, 128),
        "l2_regularization": loguniform(0.001, 100.0),
        "max_features": loguniform(0.05, 1.0),
    },
    catalog.RANDOM_FOREST: _FOREST_SPACE,
    catalog.EXTRA_TREES: _FOREST_SPACE,
    catalog.LOGISTIC_REGRESSION: {"C": loguniform(0.001, 1000.0)},
    catalog.DECISION_TREE: {
        "max_depth": randint(2, 16),
        "min_samples_leaf": lograndint(1, 128),
        "max_leaf_nodes": lograndint(4, 256),
    },
}

# What a library assumes when a portfolio configuration does not say.
_DEFAULTS: Mapping[str, float] = {
    "min_child_samples": 20,
    "min_samples_leaf": 20,
    "colsample_bytree": 1.0,
    "subsample": 1.0,
    "reg_lambda": 0.001,
    "l2_regularization": 0.001,
    "max_features": 1.0,
    "min_child_weight": 1.0,
    "max_leaf_nodes": 256,
}


MAX_SUGGESTIONS = 50
"""CFO answers None to a point it has tried before, and moves on; after so many in a row the space is exhausted."""


class Tuner:
    """The search around one algorithm's best portfolio configuration, which has been scored already."""

    def __init__(self, start: Candidate, score: float, seed: int) -> None:
        logging.getLogger("flaml").setLevel(logging.WARNING)
        self.algorithm = start.algorithm
        space = dict(SPACES[start.algorithm])
        if start.algorithm in (catalog.RANDOM_FOREST, catalog.EXTRA_TREES):
            # What the portfolio found to be a graph of bearable size for so many classes stays the bound.
            space["max_leaf_nodes"] = lograndint(8, start.parameters["max_leaf_nodes"] + 1)
        self._fixed = {name: value for name, value in start.parameters.items() if name not in space}
        if start.algorithm == catalog.LIGHTGBM:
            self._fixed["subsample_freq"] = 1  # without it LightGBM ignores `subsample`
        point = {name: _inside(space[name], start.parameters.get(name, _DEFAULTS.get(name))) for name in space}
        self._search = CFO(
            metric="score",
            mode="max",
            space=space,
            points_to_evaluate=[point],
            evaluated_rewards=[score],
            seed=seed,
        )
        self._asked: dict[str, dict[str, Any]] = {}

    def ask(self, ticket: int) -> Candidate | None:
        """The next candidate, or None when the search has nothing new to try."""
        for _ in range(MAX_SUGGESTIONS):
            point = self._search.suggest(str(ticket))
            if point is not None:
                break
        else:
            return None
        self._asked[str(ticket)] = point
        plain = {name: value.item() if hasattr(value, "item") else value for name, value in point.items()}
        return Candidate(self.algorithm, {**plain, **self._fixed})

    def tell(self, ticket: int, score: float | None, seconds: float) -> None:
        """The score of the candidate asked for with `ticket`, None when it failed."""
        point = self._asked.pop(str(ticket))
        result = {"score": score, "time_total_s": seconds, "config": point}
        self._search.on_trial_complete(str(ticket), result if score is not None else None, error=score is None)


def _inside(domain: Any, value: Any) -> Any:
    """`value` moved into a FLAML domain, whose upper bound is exclusive for integers."""
    integer = isinstance(domain.lower, int)
    upper = domain.upper - 1 if integer else domain.upper
    bounded = min(max(value, domain.lower), upper)
    return int(bounded) if integer else float(bounded)
