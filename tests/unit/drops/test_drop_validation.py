"""A clean drop is accepted, however small; each planted defect is found and named by its own check."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azureml_drops.drop_data import DropData, read_drop_data
from azureml_drops.validation import BaselineData, refused_unread, validate
from azureml_drops.validation_report import Baseline, ValidationReport
from azureml_drops.validation_settings import ValidationSettings
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import document_text
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.unit

Row = dict[str, str]
Change = Callable[[list[Row]], list[Row]]
FINGERPRINT = "sha256:" + "ab" * 32


def drop(folder: Path, rows: int, seed: int, change: Change | None = None) -> DropData:
    folder.mkdir()
    path = folder / "drop.csv"
    generate_bank_marketing(path, rows=rows, seed=seed)
    if change is not None:
        with path.open(newline="") as file:
            changed = change(list(csv.DictReader(file)))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(changed[0]))
            writer.writeheader()
            writer.writerows(changed)
    return read_drop_data(path, folder, separator=",", encoding="utf-8", label="y")


def judged(data: DropData, before: DropData | None = None, **settings: Any) -> ValidationReport:
    baseline = None if before is None else BaselineData(of=Baseline(key="d1", version=1, rows=before.rows), data=before)
    given = ValidationSettings.of(settings)
    return validate(data, baseline, given, dataset="bank", key="d2", fingerprint=FINGERPRINT, label="y")


def failed(report: ValidationReport) -> set[str]:
    return {check.name for check in report.failures}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> DropData:
    return drop(tmp_path_factory.mktemp("baseline") / "d1", 400, 1)


def column(name: str, value: Callable[[int, str], str]) -> Change:
    """Every value of a column made anew from its place and what it was."""
    return lambda rows: [row | {name: value(place, row[name])} for place, row in enumerate(rows)]


def without(name: str) -> Change:
    return lambda rows: [{key: value for key, value in row.items() if key != name} for row in rows]


def half(value: str) -> Callable[[int, str], str]:
    return lambda place, was: value if place % 2 else was


@pytest.mark.parametrize(("rows", "others"), [(40, 40), (40, 160), (160, 40), (100, 100), (400, 400), (1000, 400)])
def test_a_clean_drop_is_accepted(tmp_path: Path, rows: int, others: int) -> None:
    for seed in range(1, 13, 2):
        before = drop(tmp_path / f"{seed}", rows, seed)
        assert judged(before).accepted
        report = judged(drop(tmp_path / f"{seed + 1}", others, seed + 1), before)
        assert report.accepted, report.reason
        assert ValidationReport.from_dict(report.to_dict()) == report
        assert len(document_text(report.path, report.to_dict())) < 50_000


PLANTED: dict[str, tuple[Change, set[str], str]] = {
    "a column less": (without("euribor3m"), {"missing_columns"}, "Column 'euribor3m' is missing."),
    "a column more": (lambda rows: [row | {"extra": "1"} for row in rows], {"new_columns"}, "Column 'extra' is new."),
    "words for numbers": (
        column("campaign", half("many")),
        {"column_kinds", "new_categories", "psi"},
        "Column 'campaign' (integer before, string now) is of another kind.",
    ),
    "hardly any row": (lambda rows: rows[:15], {"least_rows", "min_row_ratio"}, "There are 15 rows; at least 20"),
    "too many rows": (lambda rows: rows * 11, {"max_row_ratio", "duplicate_rows"}, "11.00 times as many"),
    "no values": (column("age", lambda *_: ""), {"null_share", "null_increase"}, "Column 'age' has no value in 100.0%"),
    "fewer values": (
        column("age", half("")),
        {"null_increase"},
        "Column 'age' has no value in 50.0% (0.0% before); at most 0.2 is allowed.",
    ),
    "another unit": (
        column("duration", lambda _, was: str(int(was) * 60)),
        {"range", "psi", "ks"},
        "Column 'duration' is outside",
    ),
    "unknown words": (
        column("job", half("astronaut")),
        {"new_categories", "psi"},
        "has categories that the baseline lacks in 50.0% of its values ('astronaut')",
    ),
    "no label": (without("y"), {"label_present", "missing_columns"}, "There is no label column 'y'"),
    "one class": (
        column("y", lambda *_: "no"),
        {"label_classes"},
        "There are 1 classes in the label 'y'; at least 2 are needed.",
    ),
    "a misspelt label": (
        column("y", lambda place, was: "Yes" if place == 7 else was),
        {"new_labels"},
        "0.2% of the labels are values that the baseline lacks ('Yes')",
    ),
    "another rate": (
        column("y", lambda place, _: "yes" if place % 2 else "no"),
        {"label_share"},
        "Label 'yes' has 50.0% of the rows",
    ),
    "a distribution that moved within its range": (
        column("age", lambda place, _: str(55 + place % 5)),
        {"psi", "ks"},
        "Column 'age' has a PSI of",
    ),
    "words in other shares": (
        column("marital", lambda place, _: ("single", "divorced")[place % 2]),
        {"psi"},
        "Column 'marital' has a PSI of",
    ),
    "the same rows twice": (
        lambda rows: rows[: len(rows) // 4] * 4,
        {"duplicate_rows"},
        "300 of 400 rows (75.0%) equal an earlier row; at most 0.5 is allowed.",
    ),
}


@pytest.mark.parametrize("defect", PLANTED)
def test_a_defect_is_found_by_its_own_check(tmp_path: Path, baseline: DropData, defect: str) -> None:
    change, checks, words = PLANTED[defect]
    report = judged(drop(tmp_path / "d2", 400, 2, change), baseline)
    assert failed(report) == checks
    assert words in report.reason
    assert not report.accepted


def test_a_header_among_the_rows_is_found_without_a_baseline(tmp_path: Path) -> None:
    repeated = drop(
        tmp_path / "d1", 100, 1, lambda rows: [*rows[:50], {name: f" {name}" for name in rows[0]}, *rows[50:]]
    )
    report = judged(repeated)
    assert failed(report) == {"header_rows"}
    assert report.reason.startswith("1 row repeats the header, which makes words of every column; remove")
    words = drop(tmp_path / "d2", 100, 2, lambda rows: [{"job": row["job"], "y": row["y"]} for row in rows])
    assert (words.header_rows, judged(words, max_duplicate_share=None).accepted) == (0, True)


def test_the_report_of_a_wide_drop_in_another_script_can_be_kept(tmp_path: Path) -> None:
    """JSON spends six bytes on a letter that is not ASCII."""

    def wide(letter: str) -> Change:
        long = {f"\u0441\u0442\u043e\u043b\u0431\u0435\u0446 {n}": letter * 120 for n in range(210)}
        return lambda rows: [
            {name: f"{place % 12} {text}" for name, text in long.items()} | {"y": row["y"]}
            for place, row in enumerate(rows)
        ]

    before = drop(tmp_path / "d1", 120, 1, wide("\u0436"))
    report = judged(drop(tmp_path / "d2", 120, 2, wide("\u0448")), before)
    assert len(report.failures) == len(report.shifts) == 200
    assert len(document_text(report.path, report.to_dict())) < 800_000


def test_a_threshold_that_is_none_asks_for_nothing(tmp_path: Path, baseline: DropData) -> None:
    off = {
        "least_rows": {"min_rows": None, "min_row_ratio": None},
        "duration": {"max_outside_share": None, "max_psi": None, "max_ks": None},
        "ignored": {"ignore_columns": ["duration"]},
        "schema": {"schema": False},
    }
    few = drop(tmp_path / "few", 15, 2)
    assert judged(few, baseline, **off["least_rows"]).accepted
    moved = drop(tmp_path / "moved", 400, 2, column("duration", lambda _, was: str(int(was) * 60)))
    assert judged(moved, baseline, **off["duration"]).accepted
    assert judged(moved, baseline, **off["ignored"]).accepted
    assert judged(drop(tmp_path / "less", 400, 2, without("euribor3m")), baseline, **off["schema"]).accepted


def test_what_chance_explains_is_a_warning(tmp_path: Path) -> None:
    before = drop(tmp_path / "d1", 40, 1)
    report = judged(drop(tmp_path / "d2", 40, 2, column("y", lambda *_: "no")), before)
    assert report.accepted, report.reason
    warning = next(check for check in report.warnings if check.name == "label_classes")
    assert warning.detail.endswith("Among so few rows that may be chance.")
    others = [judged(drop(tmp_path / f"n{seed}", 40, seed), before) for seed in range(3, 9)]
    assert "psi" in {check.name for other in others for check in other.warnings}


def test_whole_numbers_and_fractions_are_of_one_kind(tmp_path: Path, baseline: DropData) -> None:
    report = judged(drop(tmp_path / "d2", 400, 2, column("age", lambda _, was: f"{was}.0")), baseline)
    assert report.accepted, report.reason


def test_a_drop_that_cannot_be_read_has_a_report_too() -> None:
    report = refused_unread("no text", ValidationSettings(), dataset="d", key="k", fingerprint=FINGERPRINT)
    assert failed(report) == {"readable"}
    assert report.path == "validations/d/k/abababababab"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_pse": 1}, "validation has 'max_pse', which is no threshold"),
        ({"max_ks": 2}, "max_ks is 2; give a share of 0 to 1, or None"),
        ({"max_psi": -1}, "max_psi is -1; give a number that is not negative"),
        ({"significance": 0}, "significance is 0"),
        ({"min_rows": "many"}, "min_rows"),
    ],
)
def test_a_bad_threshold_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ValidationSettings.of(given)
    assert words in str(caught.value)
