"""What `make run` accepts, refuses, and makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import validate_service_name
from scripts.run.options import RunOptions

pytestmark = pytest.mark.unit


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "Iris Data_2.csv"
    path.write_text("a,species\n1,x\n")
    return path


def test_nothing_given_leaves_everything_to_the_dag() -> None:
    assert RunOptions.parse([]).run_conf("/data.csv") == {"data_path": "/data.csv"}


def test_everything_given(csv: Path) -> None:
    options = RunOptions.parse(
        [
            f"--data={csv}",
            "--label=species",
            "--separator=;",
            "--encoding=cp1252",
            "--exclude=a, b",
            "--metric=accuracy",
            "--time=0.5",
            "--dataset=flowers",
            "--experiment=exp",
            "--service=flowers-1",
            "--requests=100",
            "--concurrency=2",
        ]
    )
    assert options.run_conf(str(csv)) == {
        "data_path": str(csv),
        "label": "species",
        "separator": ";",
        "encoding": "cp1252",
        "exclude_columns": ["a", "b"],
        "primary_metric": "accuracy",
        "experiment_timeout_minutes": 0.5,
        "dataset_name": "flowers",
        "experiment_name": "exp",
        "service_name": "flowers-1",
        "benchmark_requests": 100,
        "benchmark_concurrency": 2,
    }


def test_few_requests_alone_are_not_refused_for_the_default_concurrency() -> None:
    assert RunOptions.parse(["--requests=2"]).run_conf("x")["benchmark_requests"] == 2


def test_own_data_gets_names_of_its_own(csv: Path) -> None:
    conf = RunOptions.parse([f"--data={csv}", "--label=species"]).run_conf("x")
    assert {conf["dataset_name"], conf["experiment_name"], conf["service_name"]} == {"iris-data-2"}


def test_another_copy_of_the_bank_data_keeps_its_names(csv: Path) -> None:
    assert set(RunOptions.parse([f"--data={csv}"]).run_conf("x")) == {"data_path"}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("2024.csv", "data-2024"),
        ("a.csv", "a-data"),
        ("Ünïcode.csv", "n-code"),
        ("___.csv", "data"),
        ("x" * 31 + "-y.csv", "x" * 31),
        ("https://host/path/Drop%201.csv?sig=secret", "drop-201"),
    ],
)
def test_names_out_of_odd_file_names_are_ones_azure_accepts(file: str, name: str) -> None:
    made = RunOptions(data=file, label="y").own_name
    assert made == name
    validate_service_name(made)


def test_an_address_is_not_looked_up_here() -> None:
    assert RunOptions.parse(["--data=https://example.com/a.csv"]).is_remote


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data="], "DATA is empty"),
        (["--data=/nowhere/at/all.csv"], "there is no such file"),
        (["--data=/"], "a folder"),
        (["--separator=abc"], "SEPARATOR is 'abc'; give one character"),
        (["--encoding=utf-9"], "ENCODING is 'utf-9', which Python does not know; for example ENCODING=cp1252"),
        (["--data=http://[::1/a.csv?sig=s3cret"], r"DATA is 'http://\[::1/a.csv', which is not a valid address"),
        (["--time=0"], "TIME is 0 minutes"),
        (["--time=nan"], "TIME is nan minutes"),
        (["--service=Bank_Marketing"], "service name 'Bank_Marketing' is not valid"),
        (["--dataset=my data"], "dataset name 'my data' is not valid"),
        (["--experiment=ab"], "experiment name 'ab' is not valid"),
        (["--metric=auc"], "METRIC is 'auc'; choose one of AUC_weighted"),
        (["--requests=0"], "REQUESTS is 0; give 1 to 1,000,000"),
        (["--concurrency=257"], "CONCURRENCY is 257; give 1 to 256"),
        (["--requests=2", "--concurrency=3"], "CONCURRENCY is 3 and REQUESTS is 2"),
    ],
)
def test_refused_with_a_reason(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        RunOptions.parse(arguments)


def test_a_missing_file_names_its_neighbours(csv: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"there is: Iris Data_2\.csv"):
        RunOptions.parse([f"--data={csv.parent / 'iris.csv'}"])


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InvalidRequest, match="an empty file"):
        RunOptions.parse([f"--data={tmp_path / 'empty.csv'}"])


def test_a_tab_may_be_written_as_two_characters() -> None:
    assert RunOptions.parse([r"--separator=\t"]).run_conf("x")["separator"] == r"\t"
