"""The model as one ONNX graph whose labels are those of the Python model, on every row it was trained on.

The members' graphs are merged by prefixing their names, each member's probabilities are scaled by its weight and
summed. The label comes from the sum, with the same tie rule as in Python.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from azureml_local.automl.custom_classifier import CustomClassifier
from azureml_local.automl.learners import predict_probabilities
from azureml_local.automl.model import VotingModel, decide, tie_break
from azureml_local.automl.onnx_members import INPUT, IR_VERSION, ML_OPSET, OPSET, to_onnx
from azureml_local.automl.onnx_pipeline import PRECISIONS, pipeline_graph
from azureml_local.features.spec import EncoderSpec
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import ColumnKind

MAX_DIFFERENCE = 1e-4
"""A member whose float32 probabilities are further from Python's on any training row cannot be exported."""

TIE_STEPS = (1e-5, 2e-5, 3e-5, 5e-5, 8e-5)
"""Tie rules to try. With another step another few rows lie within float32's rounding of the decision, so that one of
them separates the rows at hand even when there are millions."""

CHUNK = 50_000

Converter = Callable[[], tuple[onnx.ModelProto, str]]

logger = logging.getLogger(__name__)


class ExportError(WorkspaceError):
    """No ONNX graph answers as the Python model does."""


@dataclass(frozen=True)
class ConvertedMember:
    """A fitted classifier, its graph with the name of the probabilities, and its probabilities of the matrix's rows."""

    estimator: Any
    graph: onnx.ModelProto = field(repr=False)
    output: str
    probabilities: npt.NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class Export:
    """The exported model and its graph, whose probabilities differ from Python's by at most `max_difference`.

    `codes` are the labels it gives the rows of the matrix it was checked on, as positions among the classes.
    """

    model: VotingModel
    graph: onnx.ModelProto = field(repr=False)
    codes: npt.NDArray[np.int64] = field(repr=False)
    max_difference: float


def convert_member(estimator: Any, matrix: npt.NDArray[np.float32], threads: int) -> ConvertedMember:
    """The member with its graph, checked on every row of `matrix`.

    :raises ExportError: it cannot be converted, or the graph's probabilities are not those of the member.
    """
    expected = predict_probabilities(estimator, matrix, threads)
    reasons: dict[str, ExportError] = {}
    for convert in _ways(estimator, matrix.shape[1]):
        try:
            graph, output = _converted(convert, expected, matrix, threads)
        except ExportError as error:
            reasons[str(error)] = error
        else:
            return ConvertedMember(estimator, graph, output, expected)
    raise ExportError("; ".join(reasons)) from next(iter(reasons.values()))


def _ways(estimator: Any, features: int) -> list[Converter]:
    """What may give the graph, best first."""
    if isinstance(estimator, CustomClassifier):
        return [partial(pipeline_graph, estimator, features, precisions) for precisions in PRECISIONS]
    return [partial(to_onnx, estimator, features)]


def _converted(
    convert: Converter, expected: npt.NDArray[np.float64], matrix: npt.NDArray[np.float32], threads: int
) -> tuple[onnx.ModelProto, str]:
    try:
        graph, output = convert()
        merged = _merge([(graph, output)], [1.0], expected.shape[1], matrix.shape[1], 0.0)
        found = run_graph(merged, matrix, threads)[1]
    except Exception as error:  # converters raise anything
        raise ExportError(f"{type(error).__name__}: {str(error)[:300]}") from error
    difference = float(np.abs(found - expected).max())
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(f"probabilities differ by {difference:.2g}")
    return graph, output


def merge_members(
    members: Sequence[tuple[ConvertedMember, float]],
    *,
    spec: EncoderSpec,
    classes: Sequence[str],
    label_kind: ColumnKind,
    matrix: npt.NDArray[np.float32],
    threads: int,
) -> Export:
    """One model and one graph of the members with their weights, which add up to 1; labels checked on every row.

    :raises ExportError: labels differ after all.
    """
    graphs = [(member.graph, member.output) for member, _ in members]
    weights = [weight for _, weight in members]
    expected = np.zeros((len(matrix), len(classes)))
    for member, weight in members:
        expected += weight * member.probabilities
    step, graph, difference = _separating_step(graphs, weights, expected, matrix, threads)
    model = VotingModel(
        spec=spec,
        members=[(member.estimator, weight) for member, weight in members],
        classes=classes,
        label_kind=label_kind,
        tie_step=step,
    )
    return Export(model, graph, decide(expected, step), difference)


def _separating_step(
    graphs: Sequence[tuple[onnx.ModelProto, str]],
    weights: Sequence[float],
    expected: npt.NDArray[np.float64],
    matrix: npt.NDArray[np.float32],
    threads: int,
) -> tuple[float, onnx.ModelProto, float]:
    classes = expected.shape[1]
    differing = 0
    for step in (min(step, step * 20 / classes) for step in TIE_STEPS):
        graph = _merge(graphs, weights, classes, matrix.shape[1], step)
        labels, probabilities = run_graph(graph, matrix, threads)
        differing = int((labels != decide(expected, step)).sum())
        if differing == 0:
            return step, graph, float(np.abs(probabilities - expected).max())
        logger.warning("tie step %g: ONNX and Python labels differ on %d rows", step, differing)
    raise ExportError(f"labels of the ONNX graph and of the Python model differ on {differing} of {len(matrix)} rows.")


def run_graph(
    model: onnx.ModelProto, matrix: npt.NDArray[np.float32], threads: int = 1
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Labels (positions among the classes) and probabilities of every row of `matrix`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    parts = [
        session.run(["label", "probabilities"], {INPUT: matrix[begin : begin + CHUNK]})
        for begin in range(0, len(matrix), CHUNK)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _merge(
    graphs: Sequence[tuple[onnx.ModelProto, str]], weights: Sequence[float], classes: int, features: int, step: float
) -> onnx.ModelProto:
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    terms: list[str] = []
    for position, ((model, output), weight) in enumerate(zip(graphs, weights, strict=True)):
        prefix = f"m{position}_"
        needed = _needed(model.graph, output)
        used = {name for node in needed for name in node.input}
        nodes.extend(_prefixed(node, prefix, number) for number, node in enumerate(needed))
        constants.extend(_renamed(one, prefix + one.name) for one in model.graph.initializer if one.name in used)
        constants.append(numpy_helper.from_array(np.array(weight, dtype=np.float32), f"weight{position}"))
        nodes.append(helper.make_node("Mul", [prefix + output, f"weight{position}"], [f"term{position}"]))
        terms.append(f"term{position}")
    constants.append(numpy_helper.from_array(tie_break(classes, step).astype(np.float32), "tie_break"))
    nodes.append(helper.make_node("Sum", terms, ["probabilities"]))
    nodes.append(helper.make_node("Add", ["probabilities", "tie_break"], ["decided"]))
    nodes.append(helper.make_node("ArgMax", ["decided"], ["label"], axis=1, keepdims=0))
    graph = helper.make_graph(
        nodes,
        "voting_model",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", features])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes]),
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    merged = helper.make_model(graph, opset_imports=opsets, producer_name="azureml_local", ir_version=IR_VERSION)
    onnx.checker.check_model(merged)
    return merged


def _needed(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """The nodes that `output` depends on, in order; a converter's label output and what feeds only it are left."""
    wanted = {output}
    needed: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
            needed.append(node)
    return needed[::-1]


def _prefixed(node: onnx.NodeProto, prefix: str, number: int) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = f"{prefix}{number}"
    for names in (copy.input, copy.output):
        for position, name in enumerate(names):
            if name and name != INPUT:
                names[position] = prefix + name
    return copy


def _renamed(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy
