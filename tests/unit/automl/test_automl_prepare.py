"""From a frame to features and classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.automl_data import customers, prepared, schema_of, settings_for

from azureml_local.automl.feature_plan import MAX_LEVELS
from azureml_local.automl.prepare import prepare
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnSchema

pytestmark = pytest.mark.unit


def test_features_classes_and_inputs() -> None:
    data = prepared(customers())
    assert data.classes == ("no", "yes")
    assert [feature.name for feature in data.spec.features] == ["age", "balance", "job"]
    assert data.spec.features[2].categories == ("clerk", "farmer", "nurse", "pilot")
    assert data.matrix.shape == (300, 3)
    assert np.array(data.classes)[data.codes].tolist() == data.frame["bought"].tolist()
    assert [(column.name, column.required, column.nullable) for column in data.inputs] == [
        ("age", True, False), ("balance", True, False), ("job", True, False),
    ]  # fmt: skip


def test_rows_without_a_label_are_dropped_and_counted() -> None:
    frame = customers()
    frame.loc[[3, 7], "bought"] = None
    data = prepared(frame)
    assert (data.rows_dropped, len(data.codes), len(data.frame)) == (2, 298, 298)


def test_useless_columns_are_dropped_with_their_reason() -> None:
    frame = customers()
    frame["row"] = range(1000, 1300)
    frame["name"] = [f"customer {i}" for i in range(300)]
    frame["customer_id"] = np.random.default_rng(0).permutation(300) * 7919
    frame["cents"] = np.random.default_rng(1).permutation(30_000)[:300]
    frame["same"] = "x"
    frame["nothing"] = pd.Series([None] * 300, dtype="float64")
    data = prepared(frame, exclude_columns=("balance",))
    assert data.plan.dropped == {
        "balance": "excluded",
        "row": "id-like",
        "name": "id-like",
        "customer_id": "id-like",
        "same": "constant",
        "nothing": "all null",
    }
    assert {column.name for column in data.inputs if column.required} == {"age", "job", "cents"}


def test_a_sparse_column_of_few_ascending_integers_is_kept() -> None:
    frame = customers()
    frame["visits"] = pd.Series([1, 2, 3, 4, 5, *[None] * 295], dtype="Int64")
    frame["remark"] = [f"called {i} times" if i % 3 == 0 else None for i in range(300)]
    assert prepared(frame).plan.dropped == {}


def test_missing_values_are_filled_and_flagged() -> None:
    frame = customers()
    frame.loc[:9, "balance"] = np.nan
    frame.loc[5, "balance"] = np.inf
    frame.loc[:4, "job"] = None
    data = prepared(frame)
    names = [feature.name for feature in data.spec.features]
    assert names == ["age", "balance", "balance (is missing)", "job"]
    median = frame["balance"][10:].median()
    assert data.matrix[:10, 1] == pytest.approx(np.full(10, median, dtype=np.float32))
    assert data.matrix[:, 2].sum() == 10
    assert data.spec.features[3].categories[0] == ""
    assert {column.name: column.nullable for column in data.inputs} == {"age": False, "balance": True, "job": True}


def test_a_constant_with_gaps_is_only_a_flag() -> None:
    frame = customers()
    frame["bonus"] = [1.0 if i % 3 else None for i in range(300)]
    assert [f.name for f in prepared(frame).spec.features if f.column == "bonus"] == ["bonus (is missing)"]


def test_dates_become_the_parts_that_vary() -> None:
    frame = customers()
    frame["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300) % 200, unit="D")
    frame.loc[0, "since"] = pd.NaT
    parts = [
        feature.part or feature.transform for feature in prepared(frame).spec.features if feature.column == "since"
    ]
    assert parts == ["epoch_days", "month", "day", "weekday", "is_missing"]


def test_many_levels_are_bounded() -> None:
    frame = customers(rows=1000)
    frame["town"] = [f"town {i % 400}" for i in range(990)] + ["rare"] * 10
    data = prepared(frame)
    town = next(feature for feature in data.spec.features if feature.column == "town")
    assert len(town.categories) == MAX_LEVELS
    assert "rare" in town.categories
    assert data.plan.bounded == {"town": 401}
    assert list(town.categories) == sorted(town.categories)


@pytest.mark.parametrize(
    ("labels", "kind", "classes"),
    [
        ([2, 10, 1], "integer", ("1", "2", "10")),
        ([2.0, 10.0, np.nan], "integer", ("2", "10")),
        ([0.5, 1.0], "number", ("0.5", "1.0")),
        ([True, False], "boolean", ("false", "true")),
        (["b", "<script>", "ä"], "string", ("<script>", "b", "ä")),
    ],
)
def test_labels_of_every_kind(labels: list[Any], kind: str, classes: tuple[str, ...]) -> None:
    frame = customers(rows=90)
    frame["bought"] = (labels * 90)[:90]
    columns = [*schema_of(frame)[:-1], ColumnSchema.from_dict({"name": "bought", "kind": kind})]
    data = prepare(frame, columns, settings_for())
    assert data.classes == classes


def test_boolean_labels_with_nulls() -> None:
    frame = customers(rows=90)
    frame["bought"] = pd.Series(([True, False, None] * 30), dtype=object)
    columns = [*schema_of(frame)[:-1], ColumnSchema(name="bought", kind="boolean", nullable=True)]
    data = prepare(frame, columns, settings_for())
    assert (data.classes, data.rows_dropped) == (("false", "true"), 30)


def test_no_usable_column() -> None:
    frame = customers()[["bought"]].assign(same=1, name=[f"n{i}" for i in range(300)])
    with pytest.raises(InvalidRequest, match=r"no column is left to learn from.*'same' is constant"):
        prepared(frame)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.head(10), "10 rows with a label"),
        (lambda f: f.assign(bought="no"), "one class only"),
        (lambda f: f.assign(bought=["no"] * 298 + ["yes"] * 2), "'yes' .*has 2 rows"),
        (lambda f: f.assign(bought=np.arange(300) * 1.5), "regression target"),
        (lambda f: f.drop(columns="bought"), "no such column"),
    ],
)
def test_the_engine_refuses_what_the_server_would(change: object, words: str) -> None:
    assert callable(change)
    with pytest.raises(InvalidRequest, match=words):
        prepared(change(customers()))
