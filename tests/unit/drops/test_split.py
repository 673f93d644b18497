"""A row's side of the split depends on its values and on nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from azureml_drops.split import Split, SplitCounts, require_both_sides, write_split
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DatasetFile

pytestmark = pytest.mark.unit

SPLIT = Split.of(["a", "b", "y"], label="y", holdout_share=0.2)


def file(folder: Path, text: str, *, separator: str = ",", encoding: str = "utf-8") -> DatasetFile:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    path.write_bytes(text.encode(encoding))
    return DatasetFile(path=str(path), separator=separator, encoding=encoding)


def divided(folder: Path, files: list[DatasetFile], columns: list[str]) -> tuple[str, str, SplitCounts]:
    training, holdout = folder / "training", folder / "holdout"
    counts = write_split(files, SPLIT, columns=columns, label="y", training=training, holdout=holdout)
    return training.read_text(), holdout.read_text(), counts


def test_the_share_is_kept_and_a_larger_holdout_holds_the_smaller() -> None:
    values = [(f"{random.Random(n).random()}", f"{n % 7}") for n in range(20_000)]
    large = Split.of(["a", "b", "y"], label="y", holdout_share=0.4)
    small_side = {row for row in values if SPLIT.is_holdout(row)}
    large_side = {row for row in values if large.is_holdout(row)}
    assert len(small_side) / len(values) == pytest.approx(0.2, abs=0.01)
    assert len(large_side) / len(values) == pytest.approx(0.4, abs=0.01)
    assert small_side < large_side


def test_the_same_number_written_otherwise_is_on_the_same_side() -> None:
    for n in range(200):
        assert len({SPLIT.is_holdout((text, "b")) for text in (f"{n}", f"{n}.0", f" {n} ", f"{n}e0")}) == 1


@pytest.mark.parametrize("texts", [("", "NaN", "null", " NA ", "?", "None"), ("true", "True", "TRUE ")])
def test_the_same_value_written_otherwise_is_on_the_same_side(texts: tuple[str, ...]) -> None:
    for n in range(50):
        assert len({SPLIT.is_holdout((text, f"{n}")) for text in texts}) == 1


def test_rows_whose_label_is_null_are_on_neither_side(tmp_path: Path) -> None:
    rows = [f"{n},b,{label}" for n, label in enumerate(("yes", "no", "", " ", "NULL", "NaN", "NA"))]
    training, holdout, counts = divided(tmp_path, [file(tmp_path, "\n".join(["a,b,y", *rows]))], ["a", "b", "y"])
    assert counts.unlabelled == 4
    # In a column of words NA is one.
    assert sorted([*training.splitlines()[1:], *holdout.splitlines()[1:]]) == sorted([*rows[:2], rows[6]])


def test_the_order_of_columns_makes_no_difference() -> None:
    assert Split.of(["y", "b", "a"], label="y", holdout_share=0.2) == SPLIT
    assert SPLIT.identity == "hash1:0.2:" + SPLIT.identity[-12:]
    assert Split.of(["a", "y"], label="y", holdout_share=0.2).identity != SPLIT.identity


def test_files_of_any_format_become_one_table(tmp_path: Path) -> None:
    lines = [f"{n},word {n % 3},{'yes' if n % 2 else 'no'}" for n in range(50)]
    first = file(tmp_path, "\ufeff" + "\n".join(["a,b,y", *lines[:25]]))
    other = [f'\n{y};{a};extra;"{b}"' for a, b, y in (line.split(",") for line in lines[25:])]
    second = file(tmp_path, "y; a ;more;b" + "".join(other), separator=";", encoding="cp1252")
    training, holdout, counts = divided(tmp_path, [first, second], ["a", "b", "y"])
    assert sorted([*training.splitlines()[1:], *holdout.splitlines()[1:]]) == sorted(lines)
    assert training.splitlines()[0] == holdout.splitlines()[0] == "a,b,y"
    assert sum(counts.training.values()) + sum(counts.holdout.values()) == 50


def test_a_column_that_a_file_lacks_is_empty_and_long_values_are_kept(tmp_path: Path) -> None:
    long = "x" * 200_000
    training, holdout, _ = divided(tmp_path, [file(tmp_path, f'a,y\n1,yes\n"{long}\nline",no\n')], ["a", "b", "y"])
    assert "1,,yes" in training + holdout
    assert f'"{long}\nline",,no' in training + holdout


def test_both_sides_need_rows_and_classes() -> None:
    for counts, words in (
        (SplitCounts(training={"a": 1, "b": 1}), "the holdout side of the split .* has no rows"),
        (SplitCounts(training={"a": 1}, holdout={"a": 1, "b": 2}), "training side .* has 1 rows, all with the label"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            require_both_sides(counts, SPLIT, label="y")
    counts = SplitCounts(training={"a": 1, "b": 1, "c": 1}, holdout={"a": 1, "b": 1, "d": 1}, unlabelled=3)
    notes = require_both_sides(counts, SPLIT, label="y")
    assert notes == (
        "No holdout row has the label 'c'; it is not measured.",
        "No training row has the label 'd'; no model can predict it.",
        "3 rows without a label are left out.",
    )
