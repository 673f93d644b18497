"""Small real model packages: LightGBM trained on generated rows, exported to ONNX as the contract says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from azureml_local.features.rows import encode_rows
from azureml_local.features.spec import EncoderSpec, Feature, InputColumn, ModelSignature
from azureml_workspace.records import ColumnKind

Row = dict[str, Any]

JOBS = ("admin.", "blue-collar", "technician", "retired")
MONTHS = ("may", "jun", "nov")

COLUMNS = (
    InputColumn(name="age", kind="integer", nullable=False, required=True),
    InputColumn(name="job", kind="string", nullable=False, required=True),
    InputColumn(name="month", kind="string", nullable=True, required=True),
    InputColumn(name="emp.var.rate", kind="number", nullable=False, required=True),
    InputColumn(name="class", kind="number", nullable=True, required=True),
    InputColumn(name="<b>loan</b> €", kind="boolean", nullable=False, required=True),
    InputColumn(name="contacted at", kind="datetime", nullable=False, required=True),
    InputColumn(name="client_id", kind="integer", nullable=False, required=False),
    InputColumn(name="notes_at", kind="datetime", nullable=True, required=False),
)

SPEC = EncoderSpec(
    features=(
        Feature(name="age", column="age", transform="numeric"),
        Feature(name="job", column="job", transform="category", categories=JOBS),
        Feature(name="month", column="month", transform="category", categories=("", *MONTHS)),
        Feature(name="emp.var.rate", column="emp.var.rate", transform="numeric"),
        Feature(name="class", column="class", transform="numeric", fill=0.5),
        Feature(name="class is missing", column="class", transform="is_missing"),
        Feature(name="loan", column="<b>loan</b> €", transform="boolean"),
        Feature(name="contacted weekday", column="contacted at", transform="datetime_part", part="weekday"),
        Feature(name="contacted days", column="contacted at", transform="datetime_part", part="epoch_days"),
    )
)


def make_rows(count: int, seed: int = 7) -> list[Row]:
    """Rows that a client may send."""
    rng = random.Random(seed)
    return [
        {
            "age": rng.randint(18, 90),
            "job": rng.choice(JOBS),
            "month": rng.choice((*MONTHS, None)),
            "emp.var.rate": round(rng.uniform(-3.5, 1.5), 2),
            "class": rng.choice((None, round(rng.random(), 3))),
            "<b>loan</b> €": rng.random() < 0.5,
            "contacted at": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:30:00Z",
        }
        for _ in range(count)
    ]


def build_package(
    folder: Path,
    *,
    classes: tuple[str, ...] = ("no", "yes"),
    label_kind: ColumnKind = "string",
    seed: int = 1,
    trees: int = 20,
) -> Path:
    """Train on generated rows, export, and write the files that scoring reads. Another `seed` is another model."""
    rows = make_rows(600, seed)
    matrix, _ = encode_rows(SPEC, rows)
    rng = np.random.default_rng(seed)
    score = matrix[:, 3] + matrix[:, 1] + rng.normal(0, 0.7, len(matrix)) + seed
    edges = np.quantile(score, np.linspace(0, 1, len(classes) + 1)[1:-1])
    write_package(folder, matrix, np.digitize(score, edges), trees=trees)
    signature = make_signature(classes, label_kind, rows[:5])
    said = python_labels(folder, rows[:5])
    write_json(folder / "encoder.json", SPEC)
    write_json(folder / "signature.json", replace(signature, sample_labels=tuple(classes[i] for i in said)))
    return folder


def write_package(folder: Path, matrix: Any, target: Any, *, trees: int) -> None:
    """`model.onnx`, and the booster's own text beside it, with which the tests check the answers."""
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    folder.mkdir(parents=True)
    model = lightgbm.LGBMClassifier(n_estimators=trees, num_leaves=8, verbose=-1, n_jobs=1)
    model.fit(matrix, target)
    model.booster_.save_model(str(folder / "booster.txt"))
    graph = onnxmltools.convert_lightgbm(
        model, initial_types=[("features", FloatTensorType([None, matrix.shape[1]]))], zipmap=False
    )
    (folder / "model.onnx").write_bytes(graph.SerializeToString())


def build_slow_package(folder: Path) -> Path:
    """A package whose graph needs a second or more for 10,000 rows, and no time for two: large multiplications."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    size, repeats = 1024, 4
    shapes = {"first": (len(SPEC.features), size), "middle": (size, size), "last": (size, 2)}
    weights = [
        numpy_helper.from_array((rng.normal(size=shape) / size).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    names = ["features", *(f"hidden{place}" for place in range(repeats + 1)), "scores"]
    products = [
        helper.make_node("MatMul", [names[place], weight], [names[place + 1]])
        for place, weight in enumerate(["first", *["middle"] * repeats, "last"])
    ]
    graph = helper.make_graph(
        [
            *products,
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        "slow",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(SPEC.features)])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        weights,
    )
    folder.mkdir(parents=True)
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 13)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    write_json(folder / "encoder.json", SPEC)
    write_json(folder / "signature.json", make_signature(("no", "yes"), "string", make_rows(5)))
    return folder


def make_signature(classes: tuple[str, ...], label_kind: ColumnKind, sample_rows: Sequence[Row]) -> ModelSignature:
    """A signature without sample labels."""
    return ModelSignature(
        label_column="y",
        label_kind=label_kind,
        classes=classes,
        inputs=COLUMNS,
        sample_rows=tuple(sample_rows),
        sample_labels=(),
    )


def python_probabilities(folder: Path, rows: Sequence[Row], spec: EncoderSpec = SPEC) -> Any:
    """What LightGBM itself says, shape [rows, classes]."""
    import lightgbm

    raw = np.asarray(lightgbm.Booster(model_file=str(folder / "booster.txt")).predict(encode_rows(spec, rows)[0]))
    return np.column_stack([1 - raw, raw]) if raw.ndim == 1 else raw


def python_labels(folder: Path, rows: Sequence[Row]) -> list[int]:
    """Class positions by LightGBM itself."""
    labels: list[int] = python_probabilities(folder, rows).argmax(axis=1).tolist()
    return labels


def write_json(path: Path, value: object) -> None:
    """A record as JSON."""
    path.write_bytes(msgspec.json.encode(value))
