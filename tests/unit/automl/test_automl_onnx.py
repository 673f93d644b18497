"""Every kind of member, alone and together, gives the same labels in ONNX as in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from tests.automl_data import LABEL, customers, prepared

from azureml_local.automl import onnx_export
from azureml_local.automl.catalog import ALLOWED_MODELS
from azureml_local.automl.learners import Candidate, FitOptions, fit
from azureml_local.automl.onnx_export import ExportError, convert_member, merge_members, run_graph
from azureml_local.automl.portfolio import DataShape, portfolio
from azureml_local.automl.prepare import PreparedData

pytestmark = pytest.mark.unit

ODD_NAMES = {"age": "a.g e", "balance": '<script>{"x": [1,2]}', "job": "jöb,:日本"}


def _data(classes: int) -> PreparedData:
    frame = customers(rows=400, classes=classes).rename(columns=ODD_NAMES)
    frame["big"] = np.random.default_rng(0).integers(10**9, 10**9 + 5000, 400)
    frame.loc[:20, "jöb,:日本"] = None
    return prepared(frame)


def _fitted(data: PreparedData, algorithms: list[str]) -> list[tuple[Any, float]]:
    levels = tuple((i, len(f.categories)) for i, f in enumerate(data.spec.features) if f.transform == "category")
    options = FitOptions(threads=1, seed=1, category_levels=levels)
    start = portfolio(
        algorithms, DataShape(len(data.codes), data.matrix.shape[1], len(data.classes)), "accuracy", quick_first=False
    )
    small = {"n_estimators": 40, "max_iter": 40}
    fitted = []
    for candidate in start:
        fewer = {name: min(value, small.get(name, value)) for name, value in candidate.parameters.items()}
        fitted.append(fit(Candidate(candidate.algorithm, fewer), data.matrix, data.codes, options))
    return [(estimator, 1 / len(fitted)) for estimator in fitted]


def _export(data: PreparedData, members: list[tuple[Any, float]]) -> onnx_export.Export:
    return _merged(data, members, data.classes, "string")


def _merged(
    data: PreparedData, members: list[tuple[Any, float]], classes: tuple[str, ...], label_kind: Any
) -> onnx_export.Export:
    converted = [(convert_member(member, data.matrix, 1), weight) for member, weight in members]
    return merge_members(
        converted, spec=data.spec, classes=classes, label_kind=label_kind, matrix=data.matrix, threads=1
    )


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("algorithm", ALLOWED_MODELS)
def test_each_member_alone(algorithm: str, classes: int) -> None:
    data = _data(classes)
    exported = _export(data, _fitted(data, [algorithm])[:1])
    labels, probabilities = run_graph(exported.graph, data.matrix)
    frame = data.frame.drop(columns=LABEL)
    assert np.array(data.classes)[labels].tolist() == exported.model.predict(frame).tolist()
    assert probabilities == pytest.approx(exported.model.predict_proba(frame), abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_all_together_in_one_graph(classes: int) -> None:
    data = _data(classes)
    members = _fitted(data, list(ALLOWED_MODELS))
    exported = _export(data, members)
    assert len(exported.model.members) == len(members)
    graph = exported.graph.graph
    assert [(value.name, value.type.tensor_type.elem_type) for value in graph.input] == [
        ("features", onnx.TensorProto.FLOAT)
    ]
    assert [(value.name, value.type.tensor_type.elem_type) for value in graph.output] == [
        ("label", onnx.TensorProto.INT64), ("probabilities", onnx.TensorProto.FLOAT),
    ]  # fmt: skip
    # Rows that training never saw, unseen categories among them.
    rng = np.random.default_rng(1)
    rows = data.matrix[rng.integers(0, 400, 5000)] + rng.normal(0, 3, (5000, data.matrix.shape[1])).astype(np.float32)
    rows[:500, 2] = -1.0
    labels, probabilities = run_graph(exported.graph, rows)
    assert labels.tolist() == exported.model.predict_codes(rows).tolist()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5000), abs=1e-5)


class _Coin:
    """Two classes, exactly as probable in float64, and not in float32."""

    def predict_proba(self, matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        third = np.full((len(matrix), 1), 1 / 3)
        return np.hstack([1 - 2 * third, third, third])


def test_exact_ties_go_to_the_first_class_in_both() -> None:
    data = prepared(customers(rows=200))
    members = _fitted(data, ["RandomForest"])
    forest = members[0][0]
    # Two trees that contradict each other tie on many rows.
    forest.estimators_ = forest.estimators_[:2]
    forest.n_estimators = 2
    exported = _export(data, [(forest, 1.0)])
    probabilities = exported.model.probabilities(data.matrix)
    tied = np.abs(probabilities[:, 0] - probabilities[:, 1]) < 1e-7
    labels, _ = run_graph(exported.graph, data.matrix)
    assert (labels[tied] == 0).all()
    assert (labels == exported.model.predict_codes(data.matrix)).all()


def test_a_member_that_cannot_be_exported_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data(2)
    with pytest.raises(ExportError, match="_Coin"):
        convert_member(_Coin(), data.matrix, 1)
    monkeypatch.setattr(onnx_export, "MAX_DIFFERENCE", -1.0)
    with pytest.raises(ExportError, match="probabilities differ by"):
        convert_member(_fitted(data, ["DecisionTree"])[0][0], data.matrix, 1)


def test_a_graph_with_other_labels_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data(2)
    members = _fitted(data, ["DecisionTree"])
    monkeypatch.setattr(onnx_export, "decide", lambda probabilities, step: 1 - np.argmax(probabilities, axis=1))
    with pytest.raises(ExportError, match="differ on 400 of 400 rows"):
        _export(data, members)


@pytest.mark.parametrize(
    ("kind", "classes", "labels"),
    [
        ("integer", ("1", "10"), [1, 10]),
        ("number", ("0.5", "1.0"), [0.5, 1.0]),
        ("boolean", ("false", "true"), [False, True]),
        ("string", ("a", "b"), ["a", "b"]),
    ],
)
def test_labels_are_answered_in_their_kind(kind: Any, classes: tuple[str, ...], labels: list[object]) -> None:
    data = prepared(customers(rows=100))
    members = _fitted(data, ["DecisionTree"])
    made = _merged(data, members, classes, kind).model
    predicted = made.predict(pd.DataFrame(data.frame))
    assert {repr(label) for label in predicted.tolist()} == {repr(label) for label in labels}
