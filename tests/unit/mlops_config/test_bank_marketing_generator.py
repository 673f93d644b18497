"""Generated rows: the real file's schema and levels, the same bytes for the same seed, and something to learn."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from azureml_local.data import IngestedData, ingest
from azureml_workspace.records import validate_service_name
from mlops_config.bank_marketing import BANK_MARKETING
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[3]


def _real_file() -> Path | None:
    named = os.environ.get("BANK_MARKETING_CSV")
    path = Path(named) if named else REPOSITORY.parent / "shared" / "data" / "bankmarketing_train.csv"
    return path if path.is_file() else None


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


def test_same_kinds_and_levels_as_the_real_file(ingested: IngestedData, tmp_path: Path) -> None:
    real_file = _real_file()
    if real_file is None:
        pytest.skip("the real file is not here; point BANK_MARKETING_CSV to it")
    real = ingest(real_file, tmp_path)
    assert ingested.columns == real.columns
    for made, found in zip(ingested.profile.columns, real.profile.columns, strict=True):
        if made.kind == "string":
            assert {top.value for top in made.top_values} == {top.value for top in found.top_values}
        if made.numbers and found.numbers:
            assert made.numbers.minimum >= found.numbers.minimum
            assert made.numbers.maximum <= found.numbers.maximum
            assert made.numbers.mean is not None
            assert made.numbers.mean == pytest.approx(found.numbers.mean, rel=0.25, abs=0.5)


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
