"""One metric of many resamples of the same predictions at once.

A resample is given by how often it holds each row, so that predictions are sorted and counted once and not for each
resample. The figures are those that `classification_metrics` gives for the resampled rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.metrics.classification import Codes, Probabilities, confusion_metrics
from azureml_workspace.metrics.ranking import Floats, areas, average_precisions, by_score
from azureml_workspace.records import PRIMARY_METRICS

_OfOneClass = Callable[[Floats, Floats], Floats]


def resampled_metric(metric: str, codes: Codes, probabilities: Probabilities, multiplicities: Floats) -> Floats:
    """`metric` of each resample, shape [resamples]; NaN where a resample does not define it.

    `codes` [rows] are the true classes, `probabilities` [rows, classes] the predictions, and `multiplicities`
    [resamples, rows] how often each resample holds each row.

    :raises InvalidRequest: the metric is none of AutoML's primary metrics.
    """
    if metric not in PRIMARY_METRICS:
        raise InvalidRequest(f"metric {metric!r} cannot be resampled; choose one of {', '.join(PRIMARY_METRICS)}.")
    if metric == "AUC_weighted":
        return _weighted_over_classes(codes, probabilities, multiplicities, areas)
    if metric == "average_precision_score_weighted":
        return _weighted_over_classes(codes, probabilities, multiplicities, average_precisions)
    return _from_confusion(metric, codes, probabilities, multiplicities)


def _from_confusion(metric: str, codes: Codes, probabilities: Probabilities, multiplicities: Floats) -> Floats:
    classes = probabilities.shape[1]
    cells = codes * classes + np.argmax(probabilities, axis=1)
    order = np.argsort(cells, kind="stable")
    found, starts = np.unique(cells[order], return_index=True)
    counted = np.zeros((len(multiplicities), classes * classes))
    counted[:, found] = np.add.reduceat(multiplicities[:, order], starts, axis=1)
    some = counted.sum(axis=1) > 0
    values = np.full(len(multiplicities), np.nan)
    if some.any():
        values[some] = confusion_metrics(counted[some].reshape(-1, classes, classes))[metric]
    return values


def _weighted_over_classes(
    codes: Codes, probabilities: Probabilities, multiplicities: Floats, of_one_class: _OfOneClass
) -> Floats:
    """The mean over the classes that a resample has, and has others beside, weighted by their rows."""
    rows = multiplicities.sum(axis=1)
    total, weight = np.zeros_like(rows), np.zeros_like(rows)
    for position in np.unique(codes):
        hits, misses = by_score(codes == position, probabilities[:, position], multiplicities)
        support = hits.sum(axis=1)
        ranked = (support > 0) & (support < rows)
        total += np.where(ranked, of_one_class(hits, misses) * support, 0.0)
        weight += np.where(ranked, support, 0.0)
    means: Floats = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
    return means
