"""Shifts of columns: figures that can be worked out by hand, planted shifts, and samples in which nothing moved."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from azureml_drift.column_shift import ColumnShift
from azureml_drift.columns import ParquetColumns, RowColumns
from azureml_drift.limits import ShiftLimits, judge_shifts
from azureml_drift.novelty import novelty_p_value, outside_p_value, share_p_value
from azureml_drift.population import psi_of_categories, psi_of_counts, psi_of_numbers
from azureml_drift.shifts import column_shifts
from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.records import ColumnSchema
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.unit

SEED = np.random.default_rng(7)


def rows_of(**columns: list[Any]) -> RowColumns:
    kinds = {int: "integer", float: "number", str: "string", bool: "boolean"}
    schema = [
        ColumnSchema(name=name, kind=kinds[type(next(value for value in values if value is not None))])  # type: ignore[arg-type]
        for name, values in columns.items()
    ]
    return RowColumns([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], schema)


def only(shifts: tuple[ColumnShift, ...]) -> ColumnShift:
    (shift,) = shifts
    return shift


def test_psi_is_the_formula_with_half_a_row_in_every_bin() -> None:
    psi = psi_of_counts(np.array([90, 10]), np.array([50, 50]))
    r, c = [90.5 / 101, 10.5 / 101], [50.5 / 101, 50.5 / 101]
    assert psi.value == pytest.approx(sum((b - a) * math.log(b / a) for a, b in zip(r, c, strict=True)))
    assert psi.p_value < 1e-6
    assert psi_of_counts(np.array([90, 10]), np.array([900, 100])).value < 0.001


def test_an_empty_bin_gives_no_infinity() -> None:
    assert 1 < psi_of_counts(np.array([50, 0]), np.array([0, 50])).value < 10


def test_a_column_that_is_zero_but_for_a_few_rows_has_two_bins() -> None:
    before = np.array([0.0] * 980 + [3.0] * 20)
    now = np.array([0.0] * 500 + [3.0] * 500)
    assert psi_of_numbers(before, now).bins == 2
    assert psi_of_numbers(before, now).value > 0.25
    assert psi_of_numbers(before * 0, before * 0).bins == 1


def test_rare_categories_share_one_bin() -> None:
    before = Counter({"a": 500, "b": 480, **{f"rare {n}": 1 for n in range(20)}})
    assert psi_of_categories(before, Counter({"a": 500, "b": 480, "new": 1})).bins == 3


@pytest.mark.parametrize(("before", "rows", "outside"), [(9, 9, 3), (40, 20, 2), (100, 1000, 30)])
def test_the_share_outside_the_range_has_the_probability_of_a_simulation(before: int, rows: int, outside: int) -> None:
    samples, others = SEED.random((5_000, before)), SEED.random((5_000, rows))
    low, high = samples.min(axis=1)[:, None], samples.max(axis=1)[:, None]
    hit = ((others < low) | (others > high)).sum(axis=1) >= outside
    assert outside_p_value(before, rows, outside) == pytest.approx(hit.mean(), abs=0.02)


def test_a_larger_share_is_compared_as_fisher_does() -> None:
    assert share_p_value(1, 10, 9, 10) == pytest.approx(101 / 184756)  # the hypergeometric tail, by hand
    assert share_p_value(0, 10, 0, 10) == 1.0
    assert share_p_value(10_000_000, 20_000_000, 5_000_100, 10_000_000) == pytest.approx(0.47, abs=0.05)


def test_new_words_are_no_news_where_every_word_is_new() -> None:
    names = Counter({f"name {n}": 1 for n in range(100)})
    others = Counter({f"other {n}": 1 for n in range(100)})
    assert novelty_p_value(names, others) > 0.4
    assert novelty_p_value(Counter(a=50, b=50), Counter(a=80, c=20)) < 1e-5


def test_numbers_that_moved() -> None:
    shift = only(column_shifts(rows_of(x=list(range(0, 2000, 2))), rows_of(x=list(range(1000, 3000, 2)))))
    assert shift.id_like  # it counts up
    before, now = SEED.normal(0, 1, 1000).round(3), SEED.normal(1, 1, 1000).round(3)
    shift = only(column_shifts(rows_of(x=before.tolist()), rows_of(x=now.tolist())))
    assert shift.psi is not None
    assert shift.psi > 0.5
    assert shift.ks == pytest.approx(0.38, abs=0.06)  # 2 * Phi(1/2) - 1
    assert [figure.figure for figure in judge_shifts((shift,), ShiftLimits()) if figure.shifted] == ["psi", "ks"]
    assert not judge_shifts((shift,), ShiftLimits(max_psi=None, max_ks=None))


def test_a_large_figure_of_a_small_sample_is_no_shift() -> None:
    shift = only(column_shifts(rows_of(x=[1, 2, 3, 4, 5, 6]), rows_of(x=[4, 5, 6, 7, 8, 9])))
    assert shift.ks is not None
    assert shift.ks > 0.3
    assert not any(figure.shifted for figure in judge_shifts((shift,), ShiftLimits()))


def test_nulls_and_new_categories() -> None:
    before = rows_of(x=["a", "b"] * 100)
    now = rows_of(x=["a", None, "c", "c"] * 50)
    shift = only(column_shifts(before, now))
    assert (shift.reference_null_share, shift.null_share) == (0.0, 0.25)
    assert shift.null_p_value < 1e-9
    assert (shift.new_categories, shift.new_share) == (("c",), pytest.approx(2 / 3))
    assert shift.ks is None


def test_values_of_another_kind_make_the_column_text() -> None:
    columns = [ColumnSchema(name="n", kind="integer"), ColumnSchema(name="when", kind="datetime")]
    read = RowColumns([{"n": 1, "when": "2026-11-01"}, {"n": "a", "when": "2026-11-02"}, {}], columns)
    assert [(column.kind, column.nullable) for column in read.columns] == [("string", True), ("datetime", True)]
    read = RowColumns([{"n": 1.5}, {"n": True}], columns[:1])
    assert read.columns[0].kind == "string"
    assert RowColumns([], columns).rows == 0
    assert [shift.psi for shift in column_shifts(RowColumns([], columns), read)] == [None]


def test_dates_have_no_shift() -> None:
    columns = [ColumnSchema(name="when", kind="datetime")]
    before, now = (RowColumns([{"when": f"{year}-01-01"}] * 99, columns) for year in (2025, 2026))
    shift = only(column_shifts(before, now))
    assert (shift.psi, shift.ks, shift.outside_share, shift.new_share) == (None, None, None, None)


def generated(folder: Path, rows: int, seed: int) -> ParquetColumns:
    folder.mkdir()
    generate_bank_marketing(folder / "a.csv", rows=rows, seed=seed)
    return ParquetColumns(folder / DATA_FILE, ingest(folder / "a.csv", folder).columns)


@pytest.mark.parametrize(("rows", "others"), [(40, 40), (40, 300), (300, 40), (1000, 1000)])
def test_no_column_of_the_same_population_is_called_shifted(tmp_path: Path, rows: int, others: int) -> None:
    for seed in range(0, 12, 2):
        before = generated(tmp_path / f"{seed}", rows, seed)
        shifts = column_shifts(before, generated(tmp_path / f"{seed + 1}", others, seed + 1))
        assert len(shifts) == 21
        assert not [figure for figure in judge_shifts(shifts, ShiftLimits()) if figure.shifted]
        assert min(shift.new_p_value for shift in shifts if shift.new_p_value is not None) > 2e-5
        assert min(shift.outside_p_value for shift in shifts if shift.outside_p_value is not None) > 2e-5
    assert ColumnShift.from_dict(shifts[0].to_dict()) == shifts[0]
