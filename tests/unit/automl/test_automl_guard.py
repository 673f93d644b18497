"""The data guard's findings, the leak detector among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.automl_data import customers, prepared

from azureml_local.automl.guard import inspect_data
from azureml_local.automl.leakage import column_signals
from azureml_workspace.records import DataGuardFinding

pytestmark = pytest.mark.unit


def _findings(frame: pd.DataFrame, **changes: object) -> dict[str, DataGuardFinding]:
    data = prepared(frame, **changes)
    return {finding.guard: finding for finding in inspect_data(data, column_signals(data, seed=0))}


def calls(rows: int = 2000) -> pd.DataFrame:
    """Like the Bank Marketing data: `duration` is known only after the call, two rates tell the same beforehand."""
    rng = np.random.default_rng(0)
    rate = rng.normal(0, 1, rows)
    luck = rng.normal(0, 1, rows)
    bought = rate + 1.3 * luck + rng.normal(0, 0.5, rows) > 1.0
    return pd.DataFrame(
        {
            "rate": rate,
            "index": 5 * rate + rng.normal(0, 0.1, rows),
            "duration": 200 + 80 * luck + rng.normal(0, 20, rows),
            "noise": rng.normal(0, 1, rows),
            "bought": np.where(bought, "yes", "no"),
        }
    )


def test_a_column_known_only_afterwards_is_suspected_and_a_strong_one_is_not() -> None:
    data = prepared(calls())
    signals = {signal.column: signal for signal in column_signals(data, seed=0)}
    assert signals["duration"].auc > 0.7
    assert signals["duration"].suspect
    assert not signals["rate"].suspect
    assert not signals["noise"].suspect
    finding = _findings(calls())["leakage_suspect"]
    assert finding.columns == ("duration",)
    assert "without it the AUC" in finding.message
    assert "exclude_columns" in finding.action


def test_a_copy_of_the_label_is_suspected() -> None:
    frame = customers(rows=400)
    frame["outcome_code"] = np.where(frame["bought"] == "yes", 17, 4)
    assert _findings(frame)["leakage_suspect"].columns == ("outcome_code",)


@pytest.mark.parametrize("seed", [0, 2])  # a plain sample would hold three rows of the class, and one
def test_a_rare_class_does_not_switch_the_leak_check_off(seed: int) -> None:
    frame = customers(rows=20_000)
    frame.loc[[5, 9_000, 19_999], "bought"] = "rarely"
    frame["outcome_code"] = frame["bought"].map({"no": 3, "rarely": 8, "yes": 5})
    data = prepared(frame)
    findings = inspect_data(data, column_signals(data, seed=seed))
    suspects = [finding.columns for finding in findings if finding.guard == "leakage_suspect"]
    assert suspects == [("outcome_code",)]


def test_a_rare_class_of_two_is_checked_too() -> None:
    rare = np.isin(np.arange(20_000), [5, 9_000, 19_999])
    frame = customers(rows=20_000).assign(bought=np.where(rare, "yes", "no"), outcome_code=np.where(rare, 8, 3))
    signals = column_signals(prepared(frame), seed=0)
    assert {signal.column for signal in signals} == {"age", "balance", "job", "outcome_code"}


def test_few_rows_are_said_to_be_checked_by_column_only() -> None:
    finding = _findings(customers(rows=120))["leakage_not_checked"]
    assert finding.severity == "info"
    assert "120 rows are too few" in finding.message


def test_clean_data_has_no_warning() -> None:
    assert not [finding for finding in _findings(customers(rows=120)).values() if finding.severity == "warning"]


def test_imbalance_names_the_class_and_the_trivial_accuracy() -> None:
    frame = customers(rows=400)
    frame["bought"] = np.where(np.arange(400) % 10 == 0, "yes", "no")
    finding = _findings(frame)["class_imbalance"]
    assert finding.severity == "warning"
    assert "'yes' has 40 rows (10.0%)" in finding.message
    assert "90.0%" in finding.message


def test_columns_that_are_not_used_are_reported() -> None:
    frame = customers().assign(same=1, row=range(300), nothing=np.nan)
    found = _findings(frame, exclude_columns=("balance",))
    assert found["constant_column"].columns == ("same",)
    assert found["id_like_column"].columns == ("row",)
    assert found["all_null_column"].columns == ("nothing",)
    assert found["excluded_column"].columns == ("balance",)
    assert found["excluded_column"].message == "column 'balance' was excluded by exclude_columns."
    assert found["constant_column"].message == "column 'same' holds the same value in every row."
    both = _findings(frame, exclude_columns=("balance", "row"))["excluded_column"].message
    assert both.endswith("were excluded by exclude_columns.")


def test_missing_labels_missing_values_and_duplicates() -> None:
    frame = customers()
    frame.loc[:5, "balance"] = np.nan
    frame.loc[290:, "bought"] = None
    frame = pd.concat([frame, frame.head(4)], ignore_index=True)
    found = _findings(frame)
    assert found["missing_label"].message.startswith("10 of 304 rows")
    assert found["missing_values"].columns == ("balance",)
    assert found["duplicate_rows"].message.startswith("4 rows")


def test_mixed_types_and_many_levels() -> None:
    frame = customers(rows=1000)
    frame["income"] = [str(i % 90) for i in range(900)] + ["n/a"] * 100
    frame["town"] = [f"town {i % 400}" for i in range(1000)]
    found = _findings(frame)
    assert found["mixed_types"].columns == ("income",)
    assert "90%" in found["mixed_types"].message
    assert "'n/a'" in found["mixed_types"].message
    assert found["high_cardinality"].columns == ("town",)


def test_many_columns_are_looked_at_quickly_and_named_up_to_a_point() -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(100, 600)), columns=[f"c{i}" for i in range(600)])
    empty = pd.DataFrame(np.nan, index=range(100), columns=[f"e{i}" for i in range(80)])
    frame = pd.concat([wide, empty, customers(rows=100)[["bought"]]], axis=1)
    data = prepared(frame)
    signals = column_signals(data, seed=0)
    assert len(signals) == 200
    unchecked = [f for f in inspect_data(data, signals) if f.guard == "leakage_not_checked"]
    assert "and 395 more were not looked at" in unchecked[0].message
    finding = next(f for f in inspect_data(data, signals) if f.guard == "all_null_column")
    assert len(finding.columns) == 50
    assert "and 75 more" in finding.message
