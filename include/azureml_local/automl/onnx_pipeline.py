"""A custom pipeline as an ONNX graph: AutoML's own preparation, then what skl2onnx makes of the steps."""

from __future__ import annotations

from typing import Any, Literal

import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from azureml_local.automl.custom_classifier import CustomClassifier
from azureml_local.automl.onnx_members import (
    INPUT,
    IR_VERSION,
    OPSET,
    TARGET,
    floor_to_float32,
    raise_to_float32,
    rounded_hist_gradient_boosting,
)

Precision = Literal["double", "float"]

PRECISIONS: tuple[tuple[Precision, Precision], ...] = (("double", "double"), ("double", "float"), ("float", "float"))
"""Of the transformers and of the classifier, in the order to try them.

Python computes in float64, but scikit-learn's trees round their input to float32 first, and some operators have no
float64 form.
"""

_DESIGN = "prepared"
_TRANSFORMED = "transformed"
_OUTPUT = "pipeline_probabilities"
_KINDS = {"double": TensorProto.DOUBLE, "float": TensorProto.FLOAT}
_TYPES = {"double": DoubleTensorType, "float": FloatTensorType}


def pipeline_graph(
    estimator: CustomClassifier, features: int, precisions: tuple[Precision, Precision]
) -> tuple[onnx.ModelProto, str]:
    """The graph with its transformers and its classifier in that precision, and the name of its probabilities.

    What the converters raise comes through.
    """
    of_transformers, of_classifier = precisions
    transformers, classifier = estimator.pipeline[:-1], estimator.pipeline[-1]
    nodes = _preparation(_KINDS[of_transformers])
    constants: dict[str, npt.NDArray[Any]] = {
        "prepare_number_columns": estimator.number_columns_,
        "prepare_hot_columns": estimator.hot_columns_,
        "prepare_hot_levels": estimator.hot_levels_,
    }
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    output = _DESIGN
    if len(transformers):
        width = len(estimator.number_columns_) + len(estimator.hot_columns_)
        graph = _converted(transformers, _DESIGN, of_transformers, width)
        output = graph.output[0].name
        nodes.extend(graph.node)
        initializers.extend(graph.initializer)
    nodes.append(helper.make_node("Cast", [output], [_TRANSFORMED], to=_KINDS[of_classifier]))
    graph = _converted(_convertible(classifier, of_classifier), _TRANSFORMED, of_classifier, classifier.n_features_in_)
    nodes.extend(graph.node)
    initializers.extend(graph.initializer)
    nodes.append(helper.make_node("Cast", [graph.output[-1].name], [_OUTPUT], to=TensorProto.FLOAT))
    whole = helper.make_graph(
        nodes,
        "custom_pipeline",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, None)],
        initializers,
    )
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION), _OUTPUT


def _preparation(kind: int) -> list[onnx.NodeProto]:
    """`CustomClassifier.design`."""
    return [
        helper.make_node("Gather", [INPUT, "prepare_number_columns"], ["prepare_numbers"], axis=1),
        helper.make_node("Cast", ["prepare_numbers"], ["prepare_cast_numbers"], to=kind),
        helper.make_node("Gather", [INPUT, "prepare_hot_columns"], ["prepare_hot_values"], axis=1),
        helper.make_node("Equal", ["prepare_hot_values", "prepare_hot_levels"], ["prepare_hot"]),
        helper.make_node("Cast", ["prepare_hot"], ["prepare_cast_hot"], to=kind),
        helper.make_node("Concat", ["prepare_cast_numbers", "prepare_cast_hot"], [_DESIGN], axis=1),
    ]


def _converted(part: Any, name: str, precision: Precision, width: int) -> onnx.GraphProto:
    """What skl2onnx makes of transformers or of a classifier; the names in it begin with that of its input."""
    options = {} if name == _DESIGN else {id(part): {"zipmap": False}}
    types = [(name, _TYPES[precision]([None, width]))]
    model = convert_sklearn(part, initial_types=types, options=options, target_opset=TARGET, naming=f"{name}_")
    graph: onnx.GraphProto = model.graph
    return graph


def _convertible(classifier: Any, precision: Precision) -> Any:
    """An equal classifier that skl2onnx converts rightly."""
    if isinstance(classifier, HistGradientBoostingClassifier):
        rounded = raise_to_float32 if precision == "double" else floor_to_float32
        return rounded_hist_gradient_boosting(classifier, rounded)
    if isinstance(classifier, LinearDiscriminantAnalysis) and len(classifier.classes_) == 2:
        # It answers as the logistic regression with its weights does; skl2onnx 1.20 takes a softmax for the sigmoid.
        same = LogisticRegression()
        for name in ("classes_", "coef_", "intercept_", "n_features_in_"):
            setattr(same, name, getattr(classifier, name))
        return same
    return classifier
