"""Small data for the AutoML tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from azureml_local.automl.prepare import PreparedData, prepare
from azureml_workspace.records import AutoMLSettings, ColumnSchema

LABEL = "bought"


def schema_of(frame: pd.DataFrame) -> tuple[ColumnSchema, ...]:
    """The schema that the dataset store would write for the frame."""

    def kind(values: pd.Series[Any]) -> str:
        if pd.api.types.is_bool_dtype(values):
            return "boolean"
        if pd.api.types.is_integer_dtype(values):
            return "integer"
        if pd.api.types.is_float_dtype(values):
            return "number"
        return "datetime" if pd.api.types.is_datetime64_any_dtype(values) else "string"

    return tuple(
        ColumnSchema.from_dict({"name": name, "kind": kind(frame[name]), "nullable": bool(frame[name].isna().any())})
        for name in frame.columns
    )


def customers(rows: int = 300, classes: int = 2, seed: int = 0) -> pd.DataFrame:
    """Customers whose `bought` depends on age, balance and job, with some noise."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    balance = rng.normal(1000, 400, rows).round(2)
    job = rng.choice(["clerk", "farmer", "nurse", "pilot"], rows)
    score = age / 30 + balance / 500 + (job == "pilot") * 2 + rng.normal(0, 0.6, rows)
    bought = pd.qcut(score, classes, labels=["no", "yes", "maybe", "never", "often"][:classes]).astype(str)
    return pd.DataFrame({"age": age, "balance": balance, "job": job, "bought": bought})


def settings_for(**changes: object) -> AutoMLSettings:
    """AutoML settings for the label `bought`, with changes."""
    plain = {
        "experiment_name": "test",
        "dataset_name": "customers",
        "dataset_version": 1,
        "label_column_name": LABEL,
        "experiment_timeout_minutes": 1.0,
    }
    return AutoMLSettings.from_dict({**plain, **changes})


def prepared(frame: pd.DataFrame, **changes: object) -> PreparedData:
    """The frame, prepared as a run would."""
    return prepare(frame, schema_of(frame), settings_for(**changes))
