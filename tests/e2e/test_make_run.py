"""`make run` as a person runs it, in a checkout of its own: three classes, another separator, an empty home."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.local_server import processes_of

from azureml_local.processes import wait_until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SPECIES = ("setosa", "versicolor", "virginica")


@dataclass
class Checkout:
    root: Path
    home: Path

    def run(self, command: list[str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def make_run(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run([".local/venv/bin/python", "-m", "scripts.run", *options])

    @property
    def last_run(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / ".local" / "last_run.json").read_text())
        return content

    @property
    def azureml(self) -> Path:
        return self.root / ".local" / "azureml"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root, home = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("home")
    for name in ("scripts", "dags"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".local").mkdir()
    (root / ".local" / "venv").symlink_to(Path(sys.prefix))
    made = Checkout(root, home)
    try:
        yield made
    finally:
        made.run([sys.executable, "-m", "azureml_local", "stop"])
    assert not processes_of(made.azureml)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "Flowers of 3 kinds.csv"
    noise = random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["sepal length", "petal length", "petal width", "species"])
        for number in range(150):
            kind = number % 3
            sizes = [round(noise.gauss(mean, 0.6), 1) for mean in (5 + kind, 1.5 + 2 * kind, 0.3 + 0.8 * kind)]
            writer.writerow([*sizes, SPECIES[kind]])
    return path


@pytest.fixture(scope="module")
def finished(checkout: Checkout, flowers: Path) -> subprocess.CompletedProcess[str]:
    """A run while the usual port of the local Azure ML is taken, by this test or, for good, by somebody else."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait_until(lambda: listens(taken, 8790), 120)  # another test may have it, and give it back
        return checkout.make_run(f"--data={flowers}", "--label=species", "--separator=;", "--time=0.2")


def listens(listener: socket.socket, port: int) -> bool:
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        return False
    return True


def test_it_succeeds_and_says_so(checkout: Checkout, finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "port 8790 is taken by another program" in finished.stdout
    assert "flowers-of-3-kinds version 1" in finished.stdout
    result = checkout.last_run
    assert result["state"] == "success"
    assert result["dataset"] | {"fingerprint": ""} == {
        "name": "flowers-of-3-kinds",
        "version": 1,
        "fingerprint": "",
        "rows": 150,
    }
    assert set(result["smoke"]["labels"]) <= set(SPECIES)
    assert result["service"]["app_insights_enabled"] is True
    assert result["benchmark"]["failed"] == 0
    assert result["automl"]["validation"] in " ".join(finished.stdout.split())  # the table folds long lines


def test_it_prints_the_path_of_a_report_to_look_at(
    checkout: Checkout, finished: subprocess.CompletedProcess[str]
) -> None:
    (printed,) = [line for line in finished.stdout.splitlines() if line.startswith("Report ")]
    report = checkout.root / printed.split()[1]
    text = report.read_text(encoding="utf-8")
    assert "ROC curve" in text
    assert "Latency of the load test" in text
    assert "<script" not in text


def test_the_printed_line_scores_when_pasted(checkout: Checkout, finished: subprocess.CompletedProcess[str]) -> None:
    line = finished.stdout[finished.stdout.index("curl -s") :].partition("\n\n")[0]
    answer = checkout.run(["bash", "-c", line])
    decoded = json.loads(json.loads(answer.stdout))
    assert len(decoded["result"]) == 2
    assert set(decoded["result"]) <= set(SPECIES)


def test_no_key_is_in_what_it_printed_or_kept(checkout: Checkout, finished: subprocess.CompletedProcess[str]) -> None:
    keys = json.loads((checkout.azureml / "services" / "flowers-of-3-kinds" / "keys.json").read_text())
    secrets = [keys["primary"], keys["secondary"], (checkout.azureml / "token").read_text().strip()]
    kept = [path for path in (checkout.root / ".local" / "logs").rglob("*") if path.is_file()]
    kept += [checkout.root / ".local" / "last_run.json", checkout.root / ".local" / "sample_request.json"]
    said = finished.stdout + finished.stderr + "".join(path.read_text(errors="replace") for path in kept)
    assert len(kept) > 3
    assert [secret for secret in secrets if secret in said] == []


def test_the_home_directory_stays_empty(checkout: Checkout, finished: subprocess.CompletedProcess[str]) -> None:
    assert list(checkout.home.rglob("*")) == []


def test_a_failure_is_told_and_not_mistaken_for_the_run_before(
    checkout: Checkout, finished: subprocess.CompletedProcess[str], flowers: Path
) -> None:
    failed = checkout.make_run(f"--data={flowers}", "--label=colour", "--separator=;", "--time=0.2")
    assert failed.returncode == 1
    assert "label_column_name is 'colour', which is not a column" in failed.stdout
    assert checkout.last_run["state"] == "failed"
    assert checkout.last_run["automl"] is None


def test_what_cannot_work_starts_nothing(checkout: Checkout) -> None:
    refused = checkout.make_run("--data=/nowhere.csv")
    assert refused.returncode == 2
    assert refused.stderr.startswith("make run: DATA is '/nowhere.csv', and there is no such file.")
