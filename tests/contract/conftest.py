"""The workspaces that the contract is held against, and one AutoML run that all tests of a workspace share.

A further adapter joins by a name in `ADAPTERS` and a fixture that gives its workspace. `azure_v1` is the real SDK v1
over real HTTP, against a local Azure ML that answers it as Azure does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from tests.azure_server import AzureServer
from tests.local_server import LocalServer

from azureml_workspace.protocol import Workspace
from azureml_workspace.records import (
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    DatasetVersion,
    ModelVersion,
    Run,
)

ADAPTERS = ["local", "azure_v1"]
LABEL = "bought"
TIMEOUT_MINUTES = 0.25

T = TypeVar("T")


@dataclass(frozen=True)
class Trained:
    """A completed AutoML run, what it was asked for, and the model registered from it."""

    dataset: DatasetVersion
    settings: AutoMLSettings
    submission_key: str
    run: Run
    model: ModelVersion


@pytest.fixture(scope="session")
def local_workspace(local_server: LocalServer) -> Workspace:
    return local_server.workspace()


@pytest.fixture(scope="session")
def azure_v1_workspace(azure_server: AzureServer) -> Workspace:
    return azure_server.azure_workspace()


@pytest.fixture(scope="session", params=ADAPTERS)
def workspace(request: pytest.FixtureRequest) -> Workspace:
    """Each adapter in turn. (A mypy check, too: the adapter keeps the protocol.)"""
    opened: Workspace = request.getfixturevalue(f"{request.param}_workspace")
    return opened


@pytest.fixture(scope="session")
def trained(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    path = tmp_path_factory.mktemp("contract") / "shop.csv"
    write_rows(path, 400)
    dataset = workspace.register_dataset("contract-shop", DatasetSource(path=str(path)))
    workspace.ensure_compute(ComputeTarget(name="contract-main", max_nodes=1))
    settings = automl_settings(dataset, compute_target="contract-main")
    key = "contract-trained"
    run = workspace.submit_automl(settings, submission_key=key)
    run = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal, seconds=90)
    assert run.status == "Completed", run.error
    model = workspace.register_model("contract-shop", run.run_id, tags={"drop": "1"})
    return Trained(dataset=dataset, settings=settings, submission_key=key, run=run, model=model)


def automl_settings(dataset: DatasetVersion, **given: object) -> AutoMLSettings:
    arguments: dict[str, object] = {
        "experiment_name": "contract",
        "dataset_name": dataset.name,
        "dataset_version": dataset.version,
        "label_column_name": LABEL,
        "experiment_timeout_minutes": TIMEOUT_MINUTES,
    }
    return AutoMLSettings(**(arguments | given))  # type: ignore[arg-type]


def write_rows(path: Path, rows: int, *, seed: int = 1, separator: str = ",", classes: int = 2) -> None:
    """Rows with a little to learn: visits and colour say something of the label."""
    chance = random.Random(seed)
    lines = [separator.join(["visits", "colour", "price", LABEL])]
    for _ in range(rows):
        visits, colour = chance.randint(0, 20), chance.choice(["red", "green", "blue"])
        bought = (visits + (5 if colour == "red" else 0) + chance.gauss(0, 3) > 12) if classes > 1 else 0
        lines.append(separator.join([str(visits), colour, f"{chance.random():.3f}", "yes" if bought else "no"]))
    path.write_text("\n".join(lines) + "\n")


def settle(read: Callable[[], T], settled: Callable[[T], bool], *, seconds: float = 60) -> T:
    """Look until it is settled; fails when it is not in time."""
    end = time.monotonic() + seconds
    while not settled(seen := read()):
        assert time.monotonic() < end, f"not settled within {seconds} s: {seen}"
        time.sleep(0.1)
    return seen
