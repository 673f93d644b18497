"""Which class a column of probabilities is of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest

from azureml_endpoint.contract import ServiceContract
from azureml_gate.class_order import aligned, class_order, codes_of
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import AutoMLResult, ModelVersion

pytestmark = pytest.mark.unit

MODEL = ModelVersion(name="m", version=1, run_id="run-1", created_at=datetime(2026, 1, 1, tzinfo=UTC))
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
LABELS = ["no", "yes", "yes"]


class Runs:
    """A workspace with one AutoML run, or none."""

    def __init__(self, classes: tuple[str, ...] | None) -> None:
        self.classes = classes

    def automl_result(self, run_id: str) -> AutoMLResult:
        if self.classes is None:
            raise NotFound("no such run")
        return AutoMLResult(
            run_id=run_id,
            best_child_run_id="",
            best_algorithm="",
            primary_metric="accuracy",
            metrics={},
            validation="",
            child_runs=1,
            classes=self.classes,
            rows_used=1,
            rows_dropped=0,
        )


def order(
    *,
    said: list[Any] | None = None,
    of_run: tuple[str, ...] | None = None,
    labels: list[str] = LABELS,
    probabilities: Any = PROBABILITIES,
) -> tuple[str, ...]:
    output = {} if said is None else {"x-classes": said}
    document = {"swagger": "2.0", "definitions": {"ServiceInput": {}, "ServiceOutput": output}}
    contract = ServiceContract.parse(json.dumps(document).encode())
    workspace = cast("Workspace", Runs(of_run))
    return class_order(workspace, MODEL, contract, probabilities=probabilities, labels=labels)


def test_the_contract_says_it() -> None:
    assert order(said=["no", "yes"], of_run=("yes", "no")) == ("no", "yes")


def test_labels_that_are_numbers_are_texts() -> None:
    assert order(said=[0, 1], labels=["0", "1", "1"]) == ("0", "1")


def test_the_run_says_it_when_the_contract_does_not() -> None:
    assert order(of_run=("no", "yes"), labels=["no", "no", "yes"]) == ("no", "yes")


def test_what_is_said_and_not_so_is_not_believed() -> None:
    assert order(said=["yes", "no"]) == ("no", "yes")
    assert order(of_run=("yes", "no", "maybe")) == ("no", "yes")


def test_an_order_that_nobody_says_and_the_labels_do_not_show_is_an_error() -> None:
    always = np.array([[0.9, 0.1]] * 3)
    assert order(said=["no", "yes"], labels=["no"] * 3, probabilities=always) == ("no", "yes")
    with pytest.raises(InvalidRequest, match="gives 2 probabilities per row, and neither its contract nor"):
        order(labels=["no"] * 3, probabilities=always)


def test_columns_are_aligned_by_class_and_an_unknown_class_is_impossible() -> None:
    matrix = aligned(PROBABILITIES, ("no", "yes"), ("yes", "maybe", "no"))
    assert matrix.tolist() == [[0.1, 0, 0.9], [0.8, 0, 0.2], [0.7, 0, 0.3]]
    assert codes_of(["no", "maybe"], ("yes", "maybe", "no")).tolist() == [2, 1]
