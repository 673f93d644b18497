"""The model package: what a run leaves for the registry, the web service and a person with a notebook."""

from __future__ import annotations

import importlib.metadata
import io
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd

from azureml_local.automl.onnx_export import Export
from azureml_local.automl.prepare import PreparedData
from azureml_local.features.spec import ModelSignature
from azureml_local.files import write_bytes, write_json

SAMPLE_ROWS = 5

SCORING_FILE = '''"""Scoring script of an AutoML model, with the interface of Azure AutoML's scoring script v1.

It needs the package `airflow-azureml` (module azureml_local), because model.pkl is one of its classes.
"""

import json
import os

import joblib
import pandas as pd

model = None


def init():
    """Load model.pkl from AZUREML_MODEL_DIR, or from beside this file."""
    global model
    folder = os.environ.get("AZUREML_MODEL_DIR") or os.path.dirname(os.path.abspath(__file__))
    model = joblib.load(os.path.join(folder, "model.pkl"))


def run(data, method="predict"):
    """Score a DataFrame, a list of rows, or the body of a request: {"data": [...], "method": "predict"}.

    Returns a JSON string: {"result": [...]} or {"error": "..."}.
    """
    try:
        if isinstance(data, (str, bytes)):
            body = json.loads(data)
            data, method = body["data"], body.get("method", method)
        frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
        if method == "predict":
            result = model.predict(frame)
        elif method == "predict_proba":
            result = model.predict_proba(frame)
        else:
            raise ValueError(f"method {method!r} is neither 'predict' nor 'predict_proba'")
        return json.dumps({"result": result.tolist()})
    except Exception as error:
        return json.dumps({"error": str(error)})
'''

_LIBRARIES = ("joblib", "lightgbm", "msgspec", "numpy", "pandas", "scikit-learn", "xgboost")


def write_package(folder: Path, exported: Export, data: PreparedData) -> ModelSignature:
    """Write the six files of the package into `folder`, and give the signature."""
    signature = make_signature(data, exported.codes)
    write_bytes(folder / "model.onnx", exported.graph.SerializeToString())
    pickled = io.BytesIO()
    joblib.dump(exported.model, pickled, compress=3)
    write_bytes(folder / "model.pkl", pickled.getvalue())
    write_json(folder / "signature.json", signature)
    write_json(folder / "encoder.json", exported.model.spec)
    write_bytes(folder / "scoring_file.py", SCORING_FILE.encode())
    write_bytes(folder / "conda_env.yml", conda_environment().encode())
    return signature


def make_signature(data: PreparedData, codes: npt.NDArray[np.int64]) -> ModelSignature:
    """The signature, with sample rows of every predicted class where there is room for it.

    `codes` are the classes that the model gives the rows of the data.
    """
    inputs = [column.name for column in data.inputs]
    firsts = [int(np.flatnonzero(codes == code)[0]) for code in np.unique(codes)]
    others = [row for row in range(min(len(codes), SAMPLE_ROWS)) if row not in firsts]
    rows = sorted((firsts + others)[:SAMPLE_ROWS])
    sample = data.frame.iloc[rows][inputs]
    kinds = {column.name: column.kind for column in data.inputs}
    return ModelSignature(
        label_column=data.label.name,
        label_kind=data.label.kind,
        classes=data.classes,
        inputs=data.inputs,
        sample_rows=tuple(
            {name: _plain(value, kinds[name]) for name, value in zip(inputs, row, strict=True)}
            for row in sample.astype(object).itertuples(index=False, name=None)
        ),
        sample_labels=tuple(data.classes[codes[row]] for row in rows),
    )


def _plain(value: Any, kind: str) -> str | int | float | bool | None:
    if pd.isna(value) or (kind == "number" and not np.isfinite(value)):
        return None
    if kind == "integer":
        return int(value)
    if kind == "number":
        return float(value)
    if kind == "boolean":
        return bool(value)
    return value.isoformat() if kind == "datetime" else str(value)


def conda_environment(libraries: Sequence[str] = _LIBRARIES) -> str:
    """A conda environment with the versions that the model was trained with."""
    versions = {name: _version(name) for name in libraries}
    lines = [f"      - {name}=={version}" for name, version in versions.items() if version]
    return "\n".join(
        [
            "# The environment of scoring_file.py; model.pkl also needs the package airflow-azureml (azureml_local).",
            "name: automl",
            "channels:",
            "  - conda-forge",
            "dependencies:",
            f"  - python={platform.python_version()}",
            "  - pip",
            "  - pip:",
            *lines,
            "",
        ]
    )


def _version(name: str) -> str | None:
    # The CPU build of XGBoost is the same module under another name, without 468 MB of GPU libraries.
    for distribution in (f"{name}-cpu", name) if name == "xgboost" else (name,):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
