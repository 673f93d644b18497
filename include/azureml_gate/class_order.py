"""Which class each column of a service's probabilities stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from azureml_endpoint.contract import ServiceContract
from azureml_gate.holdout import label_text
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.metrics.classification import Codes, Probabilities
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import ModelVersion

LEAST_AGREEMENT = 0.5
"""Share of the rows whose label is that of the most probable class, below which an order is the wrong one."""


def class_order(
    workspace: Workspace,
    model: ModelVersion | None,
    contract: ServiceContract,
    *,
    probabilities: Probabilities,
    labels: Sequence[str],
) -> tuple[str, ...]:
    """The labels of the columns of `probabilities` [rows, classes], for which the service gave `labels` [rows].

    Said by the service's contract, by the AutoML run that the model is from, or shown by the labels themselves, in
    that order. What is said must agree with the labels.

    :raises InvalidRequest: nothing says it, or what is said is not so.
    """
    classes = probabilities.shape[1]
    for said in (contract.probability_classes, contract.classes, _of_run(workspace, model)):
        order = tuple(map(label_text, said))
        if len(order) == classes == len(set(order)) and _agreement(order, probabilities, labels) >= LEAST_AGREEMENT:
            return order
    shown = _shown(probabilities, labels)
    if shown is None:
        raise InvalidRequest(
            f"the web service gives {classes} probabilities per row, and neither its contract nor its model's AutoML "
            "run says of which classes; add the list x-classes to ServiceOutput in its swagger.json."
        )
    return shown


def aligned(probabilities: Probabilities, order: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """The columns in the order of `classes`; a class that the service does not know has probability 0."""
    columns = {name: place for place, name in enumerate(order)}
    matrix = np.zeros((len(probabilities), len(classes)))
    for place, name in enumerate(classes):
        if name in columns:
            matrix[:, place] = probabilities[:, columns[name]]
    return matrix


def codes_of(labels: Sequence[str], classes: Sequence[str]) -> Codes:
    """The place of each label among the classes, which hold them all."""
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[label] for label in labels], dtype=np.int64)


def _of_run(workspace: Workspace, model: ModelVersion | None) -> tuple[str, ...]:
    """The classes of the model's AutoML run; none when there is no such run."""
    if model is None or not model.run_id:
        return ()
    try:
        return workspace.automl_result(model.run_id).classes
    except (NotFound, RunFailed, Conflict, InvalidRequest):
        return ()


def _agreement(order: Sequence[str], probabilities: Probabilities, labels: Sequence[str]) -> float:
    likeliest = [order[place] for place in np.argmax(probabilities, axis=1).tolist()]
    return float(np.mean([found == label for found, label in zip(likeliest, labels, strict=True)]))


def _shown(probabilities: Probabilities, labels: Sequence[str]) -> tuple[str, ...] | None:
    """The label that most of the rows have in which a column is the largest; None when that is no order."""
    likeliest = np.argmax(probabilities, axis=1)
    order = []
    for column in range(probabilities.shape[1]):
        found = [labels[row] for row in np.flatnonzero(likeliest == column).tolist()]
        if not found:
            return None
        order.append(max(set(found), key=found.count))
    return tuple(order) if len(set(order)) == len(order) else None
