"""Which cohorts there are, and when a difference in one of many is more than noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from azureml_gate.cohort_comparison import compare_cohorts
from azureml_gate.cohorts import Cohort, cohorts_of
from azureml_gate.figures import CohortFigures
from azureml_gate.holdout import Holdout
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.metrics.classification import classification_metrics
from azureml_workspace.records import ColumnKind

pytestmark = pytest.mark.unit

Codes = npt.NDArray[np.int64]
ROWS = 240


def holdout(kinds: dict[str, ColumnKind] | None = None, **columns: list[str]) -> Holdout:
    rows = len(next(iter(columns.values())))
    given = kinds or {}
    return Holdout(
        columns={name: tuple(texts) for name, texts in columns.items()},
        labels=("no",) * rows,
        kinds={name: given.get(name, "string") for name in columns},
        total=rows,
        tags={},
    )


def names(found: tuple[Cohort, ...]) -> dict[str, int]:
    return {f"{cohort.column} = {cohort.name}": len(cohort.rows) for cohort in found}


def test_columns_with_few_values_are_chosen_and_their_large_cohorts_kept() -> None:
    data = holdout(
        region=["a"] * 50 + ["b"] * 40 + ["c"] * 9 + [""],
        constant=["x"] * 100,
        name=[f"customer {place}" for place in range(100)],
    )
    assert names(cohorts_of(data, range(100), min_rows=30)) == {"region = a": 50, "region = b": 40}
    assert names(cohorts_of(data, range(40, 100), min_rows=1)) == {
        "region = a": 10,
        "region = b": 40,
        "region = c": 9,
        "region = (missing)": 1,
    }


def test_cohort_rows_are_places_among_the_rows_that_are_compared() -> None:
    data = holdout(region=["a", "b", "a", "b"])
    found = cohorts_of(data, [1, 2, 3], min_rows=1)
    assert {cohort.name: cohort.rows.tolist() for cohort in found} == {"b": [0, 2], "a": [1]}


def test_numbers_with_many_values_are_in_four_bands_of_about_as_many_rows() -> None:
    texts = [str(number) for number in range(1, 101)] + ["NA"]
    found = names(cohorts_of(holdout({"age": "integer"}, age=texts), range(101), min_rows=20))
    assert found == {
        "age = [1, 25.75]": 25,
        "age = (25.75, 50.5]": 25,
        "age = (50.5, 75.25]": 25,
        "age = (75.25, 100]": 25,
    }


def test_a_number_of_which_most_rows_are_the_same_has_fewer_bands() -> None:
    texts = ["0"] * 80 + [str(number) for number in range(1, 41)]
    found = names(cohorts_of(holdout({"previous": "number"}, previous=texts), range(120), min_rows=1))
    assert sum(found.values()) == 120
    assert len(found) == 2


def test_a_number_with_few_values_is_told_by_them() -> None:
    found = names(cohorts_of(holdout({"stars": "integer"}, stars=["1", "2"] * 40), range(80), min_rows=30))
    assert found == {"stars = 1": 40, "stars = 2": 40}


def test_named_columns_are_the_only_ones_and_may_have_many_values() -> None:
    data = holdout(city=[str(place // 4) for place in range(120)], region=["a", "b"] * 60)
    found = cohorts_of(data, range(120), columns=["city"], min_rows=2)
    assert {cohort.column for cohort in found} == {"city"}
    assert len(found) == 30


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cohort_columns names 'county', and the holdout has the columns region"):
        cohorts_of(holdout(region=["a", "b"]), range(2), columns=["county"], min_rows=1)


def right_in(share: float, codes: Codes, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Probabilities of a model that is right in that share of the rows."""
    guessed = np.where(rng.random(len(codes)) < share, codes, 1 - codes)
    return np.column_stack([0.9 - 0.8 * guessed, 0.1 + 0.8 * guessed])


def parts(count: int) -> list[Cohort]:
    """Several columns, each of which cuts the rows into four."""
    rng = np.random.default_rng(0)
    found = []
    for column in range(count // 4):
        which = rng.permutation(ROWS) % 4
        found += [Cohort(column=f"c{column}", name=str(part), rows=np.flatnonzero(which == part)) for part in range(4)]
    return found


def compared(
    cohorts: list[Cohort], codes: Codes, new: npt.NDArray[np.float64], old: npt.NDArray[np.float64], seed: int = 1
) -> tuple[CohortFigures, ...]:
    return compare_cohorts(
        cohorts, "accuracy", codes, new, old, tolerance=0.05, confidence=0.95, samples=200, seed=seed
    )


def test_models_that_are_alike_are_hardly_ever_called_worse_in_any_of_forty_cohorts() -> None:
    cohorts, alarms, worse_by_the_look = parts(40), 0, 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        codes = rng.integers(0, 2, ROWS)
        found = compared(cohorts, codes, right_in(0.8, codes, rng), right_in(0.8, codes, rng), seed=trial)
        alarms += any(cohort.is_worse for cohort in found)
        worse_by_the_look += any(cohort.difference < -0.05 for cohort in found)
    assert worse_by_the_look >= 55, "without the interval nearly every pair would be refused"
    assert alarms <= 6


def test_a_cohort_that_is_far_worse_is_found_among_many() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 2, ROWS)
    cohorts = parts(40)
    new, old = right_in(0.9, codes, rng), right_in(0.8, codes, rng)
    bad = cohorts[17]
    new[bad.rows] = right_in(0.3, codes[bad.rows], rng)
    found = compared(cohorts, codes, new, old)
    assert (found[0].column, found[0].cohort, found[0].is_worse) == (bad.column, bad.name, True)
    assert found[0].high < 0
    assert found[0].low <= found[0].difference <= found[0].high


def test_a_small_difference_is_none_however_certain() -> None:
    codes = np.array([0, 1] * 500)
    old = np.eye(2)[codes]
    new = old.copy()
    new[:20] = new[:20, ::-1]
    whole = [Cohort(column="all", name="rows", rows=np.arange(1000))]
    (found,) = compared(whole, codes, new, old)
    assert found.difference == pytest.approx(-0.02)
    assert found.high < 0
    assert not found.is_worse


def test_figures_are_those_of_the_rows_of_the_cohort() -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 2, ROWS)
    new, old = right_in(0.9, codes, rng), rng.dirichlet(np.ones(2), ROWS)
    cohorts = parts(4)
    found = compare_cohorts(
        cohorts, "AUC_weighted", codes, new, old, tolerance=0.05, confidence=0.95, samples=100, seed=1
    )
    for cohort in cohorts:
        figures = next(figure for figure in found if figure.cohort == cohort.name)
        for side, value in ((new, figures.challenger), (old, figures.champion)):
            assert value == pytest.approx(classification_metrics(codes[cohort.rows], side[cohort.rows])["AUC_weighted"])
        assert (figures.rows, figures.metric) == (len(cohort.rows), "AUC_weighted")


def test_a_cohort_with_hardly_a_row_of_a_class_is_measured_by_accuracy() -> None:
    codes = np.array([0] * 60 + [1] * 4 + [0, 1] * 30)
    cohorts = [
        Cohort(column="c", name="mixed", rows=np.arange(64, 124)),
        Cohort(column="c", name="lopsided", rows=np.arange(64)),
    ]
    rng = np.random.default_rng(1)
    found = compare_cohorts(
        cohorts,
        "AUC_weighted",
        codes,
        right_in(0.9, codes, rng),
        right_in(0.9, codes, rng),
        tolerance=0.05,
        confidence=0.95,
        samples=100,
        seed=1,
    )
    assert {figure.cohort: figure.metric for figure in found} == {"mixed": "AUC_weighted", "lopsided": "accuracy"}


def test_the_same_model_is_worse_in_no_cohort() -> None:
    codes = np.array([0, 1] * 120)
    same = right_in(0.7, codes, np.random.default_rng(1))
    found = compared(parts(8), codes, same, same)
    assert all((figure.difference, figure.low, figure.high, figure.is_worse) == (0, 0, 0, False) for figure in found)
