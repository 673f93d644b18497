"""The Makefile itself, as a person types it, in a checkout whose environment is ready: nothing is installed."""

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

from scripts import bootstrap

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
INPUTS = ("Makefile", "requirements.txt", "requirements.in", "requirements-dev.txt", "pyproject.toml")
VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON"}


@dataclass(frozen=True)
class Checkout:
    root: Path
    elsewhere: Path
    """Where the caller's shell points AZUREML_LOCAL_HOME, which `make` must not follow."""

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        return subprocess.run(
            ["make", *words],
            cwd=self.root,
            env=inherited | {"HOME": str(self.root.parent), "AZUREML_LOCAL_HOME": str(self.elsewhere)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def azureml(self) -> Path:
        return self.root / ".local" / "azureml"

    @property
    def last_run(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / ".local" / "last_run.json").read_text())
        return content


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("home") / "my project"
    root.mkdir()
    for name in ("scripts", "dags"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in INPUTS:
        shutil.copy(ROOT / name, root / name)
    prepare_environment(root)
    made = Checkout(root, tmp_path_factory.mktemp("elsewhere"))
    try:
        yield made
    finally:
        made.make("down")
    assert not processes_of(made.azureml)


def prepare_environment(root: Path) -> None:
    """An environment of the checkout's own that leads to the packages of this one, stamped as up to date.

    The folders are real, so that a set-up which took it for outdated would remove links and no packages.
    """
    layout = bootstrap.Layout(root=root)
    (layout.venv / "bin").mkdir(parents=True)
    layout.python.symlink_to(Path(sys.prefix) / "bin" / "python")
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", layout.venv / "pyvenv.cfg")
    (layout.venv / "lib").symlink_to(Path(sys.prefix) / "lib")
    layout.stamp(dev=False).write_text(bootstrap.fingerprint(layout, dev=False))


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("my data") / "two flowers.csv"
    noise = random.Random(7)
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Länge", "Breite", "told after", "species"])
        for number in range(120):
            kind = number % 2
            sizes = [round(noise.gauss(mean, 0.8), 1) for mean in (1.5 + 2 * kind, 0.3 + kind)]
            writer.writerow([*sizes, kind, ("rose", "tulip")[kind]])
    return path


def run_words(flowers: Path) -> list[str]:
    options = {"LABEL": "species", "SEPARATOR": ";", "ENCODING": "cp1252", "EXCLUDE": "told after", "TIME": "0.2"}
    return ["run", f"DATA={flowers}", *(f"{name}={value}" for name, value in options.items()), "REQUESTS=50"]


@pytest.fixture(scope="module")
def first(checkout: Checkout, flowers: Path) -> dict[str, Any]:
    done = checkout.make(*run_words(flowers))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set-up" not in done.stderr
    return checkout.last_run


def test_run(checkout: Checkout, first: dict[str, Any]) -> None:
    assert first["state"] == "success"
    assert (first["dataset"]["name"], first["dataset"]["rows"]) == ("two-flowers", 120)
    assert first["benchmark"]["requests"] == 50
    request = json.loads((checkout.root / ".local" / "sample_request.json").read_text())
    assert set(request["data"][0]) >= {"Länge", "Breite"}
    signature = next((checkout.azureml / "runs").glob("*/outputs/signature.json"))
    required = {column["name"] for column in json.loads(signature.read_text())["inputs"] if column["required"]}
    assert required == {"Länge", "Breite"}


def test_status(checkout: Checkout, first: dict[str, Any]) -> None:
    done = checkout.make("status")
    assert done.returncode == 0, done.stderr
    assert "two-flowers" in done.stdout
    assert first["service"]["scoring_uri"] in done.stdout


def test_a_second_run_finds_what_is_there(checkout: Checkout, first: dict[str, Any], flowers: Path) -> None:
    done = checkout.make(*run_words(flowers))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set-up" not in done.stderr
    second = checkout.last_run
    assert second["dataset"] == first["dataset"]
    assert second["service"]["scoring_uri"] == first["service"]["scoring_uri"]
    assert second["model"]["version"] == first["model"]["version"] + 1


def test_refused(checkout: Checkout) -> None:
    done = checkout.make("run", "REQUESTS=2", "CONCURRENCY=4")
    assert done.returncode == 2
    assert "make run: CONCURRENCY is 4 and REQUESTS is 2" in done.stderr


def test_up_takes_its_ports_from_the_command_line(checkout: Checkout) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = checkout.make("up", f"UI_PORT={port}", "AZUREML_PORT=70000")
        assert "make up: AZUREML_PORT is 70000" in done.stderr
        done = checkout.make("up", f"UI_PORT={port}")
    assert done.returncode != 0
    assert f"port {port} is held by pid {os.getpid()}" in done.stderr
    assert "healthy" not in done.stdout


def test_down_leaves_nothing_running(checkout: Checkout, first: dict[str, Any]) -> None:
    assert processes_of(checkout.azureml)
    done = checkout.make("down")
    assert done.returncode == 0, done.stderr
    assert processes_of(checkout.azureml) == []
    assert list(checkout.elsewhere.iterdir()) == []
    status = checkout.make("status")
    assert status.returncode == 0
    assert "not running" in status.stdout
