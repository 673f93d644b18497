"""Real models behind real web services for the gate: each trained once, by AutoML, on rows with a planted truth."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import settle
from tests.local_server import LocalServer

from azureml_gate.decision import GateRequest, Versioned
from azureml_gate.settings import GateSettings
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import (
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    DatasetVersion,
    DeploySettings,
    ModelVersion,
    WebService,
)
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

LABEL = "bought"
SPLIT = "hash1:0.2:all"

Row = dict[str, Any]
QUICK: Row = {"requests": 50, "concurrency": 1, "bootstrap_samples": 400, "p95_slack_ms": 60_000}
"""A busy machine makes one of two equal services look slow now and then, so only the tests of latency look at it."""
_NUMBERS = count(1)


def true_label(row: Row) -> bool:
    """What a good model learns: mostly income, a little age."""
    return bool(row["income"] + row["age"] / 4 > 65)


def make_rows(rows: int, *, seed: int, labelled: Callable[[Row, random.Random], bool]) -> list[Row]:
    """Customers of four regions; one in ten is from the north."""
    chance = random.Random(seed)
    found = []
    for _ in range(rows):
        row: Row = {
            "age": chance.randint(20, 80),
            "income": round(chance.uniform(10, 100), 2),
            "region": chance.choices(["east", "west", "south", "north"], [3, 3, 3, 1])[0],
        }
        found.append(row | {LABEL: "yes" if labelled(row, chance) else "no"})
    return found


def honest(row: Row, chance: random.Random) -> bool:
    """The truth, wrong now and then."""
    return true_label(row) if chance.random() < 0.95 else not true_label(row)


def shuffled(row: Row, chance: random.Random) -> bool:
    """Nothing can be learnt."""
    return chance.random() < 0.5


def upside_down_in_the_north(row: Row, chance: random.Random) -> bool:
    """The truth, but for one region."""
    return honest(row, chance) != (row["region"] == "north")


@dataclass
class GateWorld:
    """A workspace with a holdout, and models and services by the names that a test gives them."""

    workspace: Workspace
    folder: Path
    holdout: DatasetVersion
    runs: dict[str, str] = field(default_factory=dict)
    services: list[str] = field(default_factory=list)

    def register(self, name: str, rows: list[Row], tags: dict[str, str] | None = None) -> DatasetVersion:
        path = self.folder / f"{name}.csv"
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
        return self.workspace.register_dataset(name, DatasetSource(path=str(path)), tags=tags)

    def train(
        self, kind: str, labelled: Callable[[Row, random.Random], bool] = honest, *, exclude: tuple[str, ...] = ()
    ) -> str:
        """The id of the AutoML run of that kind; made once."""
        if kind not in self.runs:
            data = self.register(f"gate-{kind}", make_rows(800, seed=1, labelled=labelled))
            self.workspace.ensure_compute(ComputeTarget(name="gate-main", max_nodes=1))
            settings = AutoMLSettings(
                experiment_name="gate",
                dataset_name=data.name,
                dataset_version=data.version,
                label_column_name=LABEL,
                experiment_timeout_minutes=0.25,
                iterations=1,
                exclude_columns=exclude,
                compute_target="gate-main",
            )
            submitted = self.workspace.submit_automl(settings, submission_key=f"gate-{kind}")
            run = settle(
                lambda: self.workspace.get_run(submitted.run_id), lambda seen: seen.status.is_terminal, seconds=120
            )
            assert run.status == "Completed", run.error
            self.runs[kind] = run.run_id
        return self.runs[kind]

    def model(self, run_id: str, **tags: str) -> ModelVersion:
        """A model of its own name, of a run, with tags as the drops' DAG gives them."""
        given = {"holdout_split": SPLIT, "drop_dataset": "shop", "dataset_fingerprint": "sha256:new", **tags}
        return self.workspace.register_model(f"gate-model-{next(_NUMBERS)}", run_id, tags=given)

    def serve(self, model: ModelVersion, name: str = "") -> WebService:
        """A healthy service with the model."""
        name = name or f"gate-{next(_NUMBERS)}"
        self.workspace.deploy(DeploySettings(service_name=name, model_name=model.name, model_version=model.version))
        self.services.append(name)
        service = settle(lambda: self.workspace.get_service(name), lambda seen: seen.state in SETTLED_SERVICE_STATES)
        assert service.state is ServiceState.HEALTHY, service.error
        return service

    def key_of(self, service: WebService) -> str | None:
        return self.workspace.service_keys(service.name).primary

    def request(
        self, challenger: WebService, champion: WebService | None = None, *, by: str = "d/1", **settings: Any
    ) -> GateRequest:
        """Whether the challenger replaces the champion, or becomes the first model of a service."""
        return GateRequest(
            service="gate-nobody" if champion is None else champion.name,
            candidate_service=challenger.name,
            challenger=Versioned(name=challenger.model_name, version=challenger.model_version),
            holdout=Versioned(name=self.holdout.name, version=self.holdout.version),
            label=LABEL,
            settings=GateSettings(**QUICK | settings),
            by=by,
        )

    def clean_up(self) -> None:
        for name in self.services:
            self.workspace.delete_service(name)
        self.services.clear()


def open_world(workspace: Workspace, folder: Path) -> GateWorld:
    world = GateWorld(workspace, folder, holdout=None)  # type: ignore[arg-type]
    world.holdout = world.register("gate-holdout", make_rows(700, seed=2, labelled=honest), {"holdout_split": SPLIT})
    return world


@pytest.fixture(scope="session")
def _shared_world(local_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> GateWorld:
    return open_world(local_server.workspace(), tmp_path_factory.mktemp("gate"))


@pytest.fixture
def world(_shared_world: GateWorld) -> Iterator[GateWorld]:
    """The workspace of all tests here; its services are gone after each."""
    yield _shared_world
    _shared_world.clean_up()
