"""How far a metric may be off by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from azureml_local.automl.validation import stratified_parts
from azureml_workspace.metrics.classification import classification_metrics

PARTS = 10
MIN_PART_CLASS_ROWS = 5
LEVEL = 0.95


def metric_interval(
    codes: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    metric: str,
    metrics: dict[str, float],
    seed: int,
) -> dict[str, Any] | None:
    """A 95 % interval of `metric` around its value in `metrics`; None when a class has fewer than 50 rows.

    By sectioning (Asmussen and Glynn, Stochastic Simulation, III.5): the metric of each of ten stratified random parts
    of the rows, and the t distribution of their mean. A bootstrap says the same at twenty times the cost. It covers the
    chance in the rows, not that the model was chosen by them.
    """
    if np.bincount(codes).min() < PARTS * MIN_PART_CLASS_ROWS:
        return None
    parts = stratified_parts(codes, PARTS, seed)
    values = [
        classification_metrics(codes[parts == part], probabilities[parts == part])[metric] for part in range(PARTS)
    ]
    half = float(t.ppf((1 + LEVEL) / 2, PARTS - 1) * np.std(values, ddof=1) / np.sqrt(PARTS))
    return {
        "metric": metric,
        "level": LEVEL,
        "low": metrics[metric] - half,
        "high": min(1.0, metrics[metric] + half),
        "method": f"spread over {PARTS} stratified random parts of the validated rows",
    }
