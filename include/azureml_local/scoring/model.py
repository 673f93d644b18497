"""A model package in memory: decode, encode, run the ONNX graph, answer. No pandas, no scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from azureml_local.features.rows import Matrix, RowEncoder
from azureml_local.features.spec import EncoderSpec, ModelSignature
from azureml_local.files import read_json
from azureml_local.scoring.decoder import Method, RequestDecoder
from azureml_local.scoring.labels import Label, label_values
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

_R = TypeVar("_R", bound=Record)

_INPUT = "features"
_OUTPUTS: dict[Method, list[str]] = {"predict": ["label"], "predict_proba": ["probabilities"]}


@dataclass(frozen=True)
class Scored:
    """An answer: labels, or one list of probabilities per row. `unseen` counts unseen category values."""

    result: list[Label] | list[list[float]]
    unseen: int


class LoadedModel:
    """A model that has answered its own sample rows as its Python twin does. Safe to share between threads."""

    def __init__(self, model_dir: Path, name: str, version: int) -> None:
        """Load the package in `model_dir`, registered as `version` of `name`, and warm it up.

        :raises InvalidRequest: the package cannot be served; says which file is wrong, and how.
        """
        self.model_dir = model_dir
        self.name = name
        self.version = version
        self.signature = _read(model_dir, "signature.json", ModelSignature)
        self.decoder = RequestDecoder.of(self.signature)
        self._labels = label_values(self.signature)
        spec = _read(model_dir, "encoder.json", EncoderSpec)
        if not spec.features:
            raise InvalidRequest("encoder.json has no features.")
        self._encoder = RowEncoder(spec, [column.name for column in self.signature.inputs])
        self._session = _open_session(model_dir / "model.onnx")
        self._check_graph(len(spec.features))
        self.sample_result = self._check_samples()

    def score(self, rows: Sequence[msgspec.Raw], method: Method) -> Scored:
        """Answer the rows of a request. :raises InvalidRequest: a row is refused; names row and column."""
        matrix, unseen = self._encoder.encode_values(self.decoder.read_rows(rows))
        output = self._run(matrix, method)
        if method == "predict_proba":
            return Scored(output.tolist(), unseen)
        labels = self._labels
        return Scored([labels[position] for position in output.tolist()], unseen)

    def _run(self, matrix: Matrix, method: Method) -> Any:
        return self._session.run(_OUTPUTS[method], {_INPUT: matrix})[0]

    def _check_graph(self, width: int) -> None:
        inputs = {node.name: node.shape for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if set(inputs) != {_INPUT} or not {"label", "probabilities"} <= outputs:
            raise InvalidRequest(
                f"model.onnx takes {sorted(inputs)} and gives {sorted(outputs)}; "
                "it must take 'features' and give 'label' and 'probabilities'."
            )
        shape = inputs[_INPUT]
        if len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != width):
            raise InvalidRequest(f"model.onnx takes features of shape {shape}; encoder.json makes {width} columns.")

    def _check_samples(self) -> list[Label]:
        """The answer for the sample rows of the signature, held to the labels the Python model gave at training.

        Warms the graph up as well.
        A package whose files do not belong together would otherwise answer, wrongly, without a word.
        """
        signature = self.signature
        raws = [msgspec.Raw(msgspec.json.encode(row)) for row in signature.sample_rows]
        try:
            matrix, _ = self._encoder.encode_values(self.decoder.read_rows(raws))
        except InvalidRequest as error:
            raise InvalidRequest(f"signature.json: its own sample rows are refused: {error}") from error
        if not raws:
            matrix = np.zeros((1, matrix.shape[1]), dtype=np.float32)
        positions, probabilities = self._try_graph(matrix)
        if probabilities.shape != (len(matrix), len(signature.classes)):
            raise InvalidRequest(
                f"model.onnx gives probabilities of shape {list(probabilities.shape)} for {len(matrix)} rows; "
                f"signature.json names {len(signature.classes)} classes."
            )
        if not ((positions >= 0) & (positions < len(signature.classes))).all():
            raise InvalidRequest("model.onnx gives a label that is no position among the classes of signature.json.")
        said = [signature.classes[position] for position in positions.tolist()][: len(raws)]
        for number, (here, there) in enumerate(zip(said, signature.sample_labels, strict=False), 1):
            if here != there:
                raise InvalidRequest(
                    f"model.onnx answers {here!r} for sample row {number} and the Python model {there!r}; "
                    "the files of this package do not belong together. Register the model again."
                )
        return [self._labels[position] for position in positions.tolist()][: len(raws)]

    def _try_graph(self, matrix: Matrix) -> tuple[Any, Any]:
        try:
            return self._run(matrix, "predict"), self._run(matrix, "predict_proba")
        except Exception as error:  # onnxruntime raises its own pybind classes, which have no common public base
            raise InvalidRequest(f"model.onnx cannot be run: {error}") from error


def _open_session(path: Path) -> Any:
    """An ONNX Runtime session on one thread: a small graph is done before a second thread has woken up."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    if not path.is_file():
        raise InvalidRequest(f"the model package has no {path.name}.")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above: no common public base
        raise InvalidRequest(f"{path.name} cannot be loaded: {error}") from error


def _read(model_dir: Path, name: str, record: type[_R]) -> _R:
    content = read_json(model_dir / name)
    if not isinstance(content, dict):
        raise InvalidRequest(f"the model package has no {name}, or it holds no JSON object.")
    try:
        return record.from_dict(content)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error}") from error
