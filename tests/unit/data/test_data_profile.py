"""What a profile says."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest

from azureml_workspace.data.profile import MixedTypes, ValueCount

pytestmark = pytest.mark.unit


def test_numbers(ingest_text: Any) -> None:
    generator = random.Random(7)
    values = [generator.gauss(10, 3) for _ in range(501)]
    summary = ingest_text("n,x\n" + "".join(f"{value!r},1\n" for value in values) + ",1\n").profile.column("n")
    numbers = summary.numbers
    assert (summary.nulls, summary.distinct, summary.constant, summary.id_like) == (1, 501, False, False)
    assert numbers.minimum == min(values)
    assert numbers.maximum == max(values)
    assert numbers.mean == pytest.approx(statistics.fmean(values))
    assert numbers.std == pytest.approx(statistics.stdev(values))
    assert numbers.quantiles["0.5"] == pytest.approx(statistics.median(values))
    assert list(numbers.quantiles) == ["0.05", "0.25", "0.5", "0.75", "0.95"]


def test_numbers_near_the_limits_of_a_double(ingest_text: Any) -> None:
    numbers = ingest_text("n,x\n1.7e308,1\n-1.7e308,1\n1.7e308,1\n1.7e308,1\n").profile.column("n").numbers
    assert numbers.std is None
    assert numbers.minimum <= numbers.quantiles["0.25"] <= numbers.maximum


def test_one_number_has_no_deviation(ingest_text: Any) -> None:
    assert ingest_text("n,x\n2.5,1\n").profile.column("n").numbers.std is None


def test_top_values_are_bounded_and_most_frequent_first(ingest_text: Any) -> None:
    values = [f"v{number:02}" for number in range(40) for _ in range(number + 1)]
    column = ingest_text("s,x\n" + "".join(f"{value},1\n" for value in values)).profile.column("s")
    assert column.distinct == 40
    assert len(column.top_values) == 20
    assert column.top_values[:2] == (ValueCount(value="v39", count=40), ValueCount(value="v38", count=39))


def test_long_values_are_cut(ingest_text: Any) -> None:
    column = ingest_text(f"s,x\n{'y' * 500},1\n").profile.column("s")
    assert (len(column.top_values[0].value), len(column.examples[0]), column.longest_text) == (100, 100, 500)


def test_datetimes(ingest_text: Any) -> None:
    column = ingest_text("d,x\n2026-03-01,1\n2025-01-01,1\n,1\n").profile.column("d")
    assert (column.earliest, column.latest) == ("2025-01-01T00:00:00", "2026-03-01T00:00:00")


def test_mixed_types_are_reported(ingest_text: Any) -> None:
    column = ingest_text("m,x\n1,1\n2.5,1\n,1\nabc,1\n1,1\nabc,1\n").profile.column("m")
    assert column.kind == "string"
    assert column.mixed == MixedTypes(numbers=3, text=2, number_example="1", text_example="abc", text_row=4)


def test_words_alone_are_not_mixed(ingest_text: Any) -> None:
    profile = ingest_text("m,i\nabc,007\nx1,008\n").profile
    assert [column.mixed for column in profile.columns] == [None, None]


@pytest.mark.parametrize(
    ("values", "constant"), [(["a", "a"], True), (["a", ""], False), (["1", "1"], True), (["1", "2"], False)]
)
def test_constant(values: list[str], constant: bool, ingest_text: Any) -> None:
    assert ingest_text("c,x\n" + "".join(f"{value},1\n" for value in values)).profile.column("c").constant is constant


@pytest.mark.parametrize(
    ("values", "id_like"),
    [
        ([f"user-{number}" for number in range(30)], True),
        ([f"user-{number}" for number in range(10)], False),
        ([f"user-{number % 20}" for number in range(30)], False),
        ([str(number) for number in range(100)], True),
        ([str(number % 99) for number in range(100)], False),
        ([f"{number}.5" for number in range(200)], False),
        ([str(number * 7919 % 10_007) for number in range(200)], False),
        ([*[str(number) for number in range(60)], *[""] * 140], False),
        ([*[str(number) for number in range(160)], *[""] * 40], True),
        ([*[f"remark {number}" for number in range(60)], *[""] * 140], False),
    ],
)
def test_id_like(values: list[str], id_like: bool, ingest_text: Any) -> None:
    assert ingest_text("c,x\n" + "".join(f"{value},1\n" for value in values)).profile.column("c").id_like is id_like


def test_unique_integers_are_id_like_by_their_name(ingest_text: Any) -> None:
    text = "customer_id,x\n" + "".join(f"{number * 7919 % 10_007},1\n" for number in range(200))
    assert ingest_text(text).profile.column("customer_id").id_like is True


def test_duplicate_rows(ingest_text: Any) -> None:
    rows = ["1,a,0.5,true", "1,a,0.5,false", "1,a,0.25,true", "2,a,0.5,true", "1,b,0.5,true", ",,,", "1,a,,true"]
    profile = ingest_text("i,s,n,b\n" + "\n".join([*rows, rows[0], rows[0], rows[5], "1,a,0.50,TRUE"]) + "\n").profile
    assert (profile.rows, profile.duplicate_rows) == (11, 4)


def test_equal_values_in_other_columns_are_no_duplicates(ingest_text: Any) -> None:
    assert ingest_text("a,b\n1,2\n2,1\n0,3\n3,0\n,0\n0,\n").profile.duplicate_rows == 0


def test_source_size(ingest_text: Any) -> None:
    assert ingest_text("a,b\n1,2\n").profile.source_bytes == 8
