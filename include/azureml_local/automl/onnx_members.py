"""Each kind of member as an ONNX graph: input "features" float32 [N, F], output probabilities float32 [N, C]."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from lightgbm import Booster, LGBMClassifier
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloatTensorType
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier
from sklearn.ensemble import HistGradientBoostingClassifier

from azureml_local.automl.linear import CLIP, OneHotLogisticRegression

OPSET = 15
ML_OPSET = 3
IR_VERSION = 8
"""Read by every onnxruntime since 1.10, that of Azure's inference images included."""

INPUT = "features"
TARGET = {"": OPSET, "ai.onnx.ml": ML_OPSET}


def to_onnx(estimator: Any, features: int) -> tuple[onnx.ModelProto, str]:
    """The graph of a fitted classifier, and the name of its probability output."""
    library = type(estimator).__module__.partition(".")[0]
    if isinstance(estimator, OneHotLogisticRegression):
        model = _linear(estimator, features)
    elif isinstance(estimator, LGBMClassifier):
        types = [(INPUT, ToolsFloatTensorType([None, features]))]
        model = convert_lightgbm(_floored_booster(estimator), initial_types=types, zipmap=False, target_opset=OPSET)
    elif library == "xgboost":
        types = [(INPUT, ToolsFloatTensorType([None, features]))]
        model = convert_xgboost(estimator, initial_types=types, target_opset=OPSET)
    else:
        types = [(INPUT, FloatTensorType([None, features]))]
        if isinstance(estimator, HistGradientBoostingClassifier):
            estimator = rounded_hist_gradient_boosting(estimator, floor_to_float32)
        model = convert_sklearn(estimator, initial_types=types, options={"zipmap": False}, target_opset=TARGET)
    return model, model.graph.output[-1].name


def floor_to_float32(thresholds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The largest float32 at most each threshold, which splits float32 values exactly as the threshold does.

    Converters round to the nearest float32 instead, which may be the value above: rows that lie there change sides.
    """
    exact = np.asarray(thresholds, dtype=np.float64)
    nearest = exact.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    floored: npt.NDArray[np.float64] = np.where(nearest.astype(np.float64) > exact, below, nearest).astype(np.float64)
    return floored


def raise_to_float32(thresholds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The smallest float32 at least each threshold: float64 values that lie on a threshold stay on their side.

    Boosting puts thresholds on values of the data where there are many; those are float64 behind a scaler.
    """
    return -floor_to_float32(-np.asarray(thresholds, dtype=np.float64))


def _floored_booster(estimator: LGBMClassifier) -> Booster:
    def floor_line(match: re.Match[str]) -> str:
        return "threshold=" + " ".join(repr(float(value)) for value in floor_to_float32(match[1].split()))

    text = estimator.booster_.model_to_string()
    # The sizes are of the trees' text, which changes; without them it is read from start to end.
    text = re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE)
    return Booster(model_str=re.sub(r"^threshold=(.+)$", floor_line, text, flags=re.MULTILINE))


def rounded_hist_gradient_boosting(
    estimator: HistGradientBoostingClassifier, rounded: Callable[[npt.ArrayLike], npt.NDArray[np.float64]]
) -> HistGradientBoostingClassifier:
    """A copy whose thresholds are float32 values already, so that the conversion leaves them as they are."""
    changed = copy.deepcopy(estimator)
    for trees in changed._predictors:
        for tree in trees:
            tree.nodes["num_threshold"] = rounded(tree.nodes["num_threshold"])
    return changed


def _convert_hist_gradient_boosting(scope: Any, operator: Any, container: Any) -> None:
    """skl2onnx's own converter, with attributes that onnx accepts.

    skl2onnx 1.20 hands over numpy booleans and unsigned integers, which `onnx.helper` refuses since it checks types.
    """
    add_node = container.add_node

    def add_plain_node(op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        add_node(op_type, inputs, outputs, **{name: _plain(value) for name, value in attributes.items()})

    container.add_node = add_plain_node
    try:
        convert_sklearn_random_forest_classifier(scope, operator, container)
    finally:
        container.add_node = add_node


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not isinstance(value, list):
        return value
    plain = [item.item() if isinstance(item, np.generic) else item for item in value]
    return [int(item) if isinstance(item, bool) else item for item in plain]


update_registered_converter(
    HistGradientBoostingClassifier,
    "SklearnHistGradientBoostingClassifier",
    calculate_linear_classifier_output_shapes,
    _convert_hist_gradient_boosting,
    overwrite=True,
    options={"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "raw_scores": [True, False],
             "nocl": [True, False], "decision_path": [True, False], "decision_leaf": [True, False]},
)  # fmt: skip


def _linear(estimator: OneHotLogisticRegression, features: int) -> onnx.ModelProto:
    """The regression's own formula in float64, because standardising a large number in float32 loses it."""
    constants = {
        "number_columns": estimator.number_columns_,
        "mean": estimator.mean_,
        "scale": estimator.scale_,
        "low": np.array(-CLIP),
        "high": np.array(CLIP),
        "hot_columns": estimator.hot_columns_,
        "hot_levels": estimator.hot_levels_,
        "weights": estimator.weights_,
        "bias": estimator.bias_,
    }
    nodes = [
        helper.make_node("Gather", [INPUT, "number_columns"], ["numbers"], axis=1),
        helper.make_node("Cast", ["numbers"], ["doubles"], to=TensorProto.DOUBLE),
        helper.make_node("Sub", ["doubles", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
        helper.make_node("Clip", ["standard", "low", "high"], ["clipped"]),
        helper.make_node("Gather", [INPUT, "hot_columns"], ["hot_values"], axis=1),
        helper.make_node("Equal", ["hot_values", "hot_levels"], ["hot"]),
        helper.make_node("Cast", ["hot"], ["hot_doubles"], to=TensorProto.DOUBLE),
        helper.make_node("Concat", ["clipped", "hot_doubles"], ["design"], axis=1),
        helper.make_node("MatMul", ["design", "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=1),
        helper.make_node("Cast", ["shares"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "logistic_regression",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(estimator.bias_)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
