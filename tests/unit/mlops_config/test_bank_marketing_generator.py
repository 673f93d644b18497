"""Generated rows: the real file's schema and levels, the same bytes for the same seed, and something to learn."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from azureml_workspace.data.ingestion import IngestedData, ingest
from azureml_workspace.records import validate_service_name
from mlops_config.bank_marketing import BANK_MARKETING
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[3]


# Of the real file: the levels of its string columns, and range and mean of its number columns.
LEVELS = {
    "job": "admin. blue-collar technician services management retired entrepreneur self-employed housemaid unemployed "
    "student unknown",
    "marital": "married single divorced unknown",
    "education": "university.degree high.school basic.9y professional.course basic.4y basic.6y unknown illiterate",
    "default": "no unknown yes",
    "housing": "yes no unknown",
    "loan": "no yes unknown",
    "contact": "cellular telephone",
    "month": "may jul aug jun nov apr oct sep mar dec",
    "day_of_week": "thu mon tue wed fri",
    "poutcome": "nonexistent failure success",
    "y": "no yes",
}
INTEGERS = {
    "age": (17, 98, 40.0),
    "duration": (0, 4_918, 257.3),
    "campaign": (1, 56, 2.6),
    "pdays": (0, 999, 962.0),
    "previous": (0, 7, 0.17),
}
NUMBERS = {
    "emp.var.rate": (-3.4, 1.4, 0.08),
    "cons.price.idx": (92.201, 94.767, 93.58),
    "cons.conf.idx": (-50.8, -26.9, -40.5),
    "euribor3m": (0.634, 5.045, 3.62),
    "nr.employed": (4_963.6, 5_228.1, 5_167.0),
}


def _real_files() -> list[Path]:
    """The real file, where it is: then the same is asked of it, which proves the figures above."""
    named = os.environ.get("BANK_MARKETING_CSV")
    path = Path(named) if named else REPOSITORY.parent / "shared" / "data" / "bankmarketing_train.csv"
    return [path] if path.is_file() else []


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated") / "generated.csv"
    generate_bank_marketing(path)
    return path


@pytest.fixture(scope="module")
def ingested(generated: Path) -> IngestedData:
    return ingest(generated, generated.parent)


def test_schema(ingested: IngestedData) -> None:
    assert ingested.rows == BANK_MARKETING.rows
    assert tuple(column.name for column in ingested.columns) == BANK_MARKETING.columns
    assert not any(column.nullable for column in ingested.columns)


@pytest.mark.parametrize("real", [None, *_real_files()], ids=lambda real: "real" if real else "generated")
def test_kinds_levels_and_ranges(real: Path | None, ingested: IngestedData, tmp_path: Path) -> None:
    data = ingest(real, tmp_path) if real else ingested
    assert {column.name for column in data.columns if column.kind == "string"} == set(LEVELS)
    assert {column.name for column in data.columns if column.kind == "integer"} == set(INTEGERS)
    assert {column.name for column in data.columns if column.kind == "number"} == set(NUMBERS)
    for column in data.profile.columns:
        if column.name in LEVELS:
            assert {top.value for top in column.top_values} == set(LEVELS[column.name].split())
        else:
            low, high, mean = {**INTEGERS, **NUMBERS}[column.name]
            assert column.numbers is not None
            assert low <= column.numbers.minimum <= column.numbers.maximum <= high
            assert column.numbers.mean == pytest.approx(mean, rel=0.1, abs=0.1)


def test_deterministic(generated: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.csv", tmp_path / "other.csv"
    generate_bank_marketing(again)
    assert again.read_bytes() == generated.read_bytes()
    generate_bank_marketing(other, seed=1)
    assert other.read_bytes() != generated.read_bytes()


@pytest.mark.parametrize("rows", [1, 500])
def test_row_count(rows: int, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    generate_bank_marketing(path, rows=rows)
    assert len(path.read_text().splitlines()) == rows + 1


def test_label_share_and_dependence(generated: Path) -> None:
    with generated.open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = Counter(row["y"] for row in rows)
    assert labels["yes"] / len(rows) == pytest.approx(0.112, abs=0.005)
    share = defaultdict(list)
    for row in rows:
        share[row["poutcome"]].append(row["y"] == "yes")
        share[f"long {int(row['duration']) > 600}"].append(row["y"] == "yes")
        share[f"low rate {float(row['euribor3m']) < 1.2}"].append(row["y"] == "yes")
    rates = {name: math.fsum(values) / len(values) for name, values in share.items()}
    assert rates["success"] > 4 * rates["nonexistent"]
    assert rates["long True"] > 5 * rates["long False"]
    assert rates["low rate True"] > 3 * rates["low rate False"]


def test_rows_are_consistent(generated: Path) -> None:
    with generated.open(newline="") as file:
        for row in csv.DictReader(file):
            assert (row["poutcome"] == "nonexistent") == (row["previous"] == "0")
            assert (row["housing"] == "unknown") == (row["loan"] == "unknown")
            if row["poutcome"] == "nonexistent":
                assert row["pdays"] == "999"


def test_default_service_name_is_one_azure_takes() -> None:
    validate_service_name(BANK_MARKETING.service_name)
