"""A real server with a registered model in several versions, and decisions of the gate about them."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.control_plane.conftest import FAKE_SERVER, ended, prepare, submit
from tests.integration.scoring.packages import build_package, make_rows
from tests.local_server import LocalServer

from azureml_drops.ledger import DropEvent, DropStatus, note, read_drop
from azureml_endpoint.score import ScoringClient
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.store import store_decision
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DatasetSource

MODEL = "bank"
DAMAGED = 6
"""A version that never comes up; 1 to 5 work."""

HOLDOUT = Versioned(name="bank-holdout", version=1)
WRONG_HOLDOUT = Versioned(name="people", version=1)
"""Of another table, so that a smoke test with its rows fails."""


@pytest.fixture(scope="session")
def promotion_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server whose AutoML jobs hand out a ready package."""
    package = build_package(tmp_path_factory.mktemp("package") / "model")
    folder = tmp_path_factory.mktemp("promotion")
    people = folder / "people.csv"
    people.write_text("x,y\n" + "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(60)))
    environment = {"FAKE_JOB_PACKAGE": str(package)}
    server = LocalServer(folder / "home", command=FAKE_SERVER, options=(), environment=environment)
    try:
        workspace = server.start().workspace()
        prepare(workspace, people)
        for version in range(1, DAMAGED + 1):
            run = ended(workspace, submit(workspace, "complete").run_id)
            tags = {"drop_dataset": MODEL, "drop_key": f"2026-01-{version:02d}"}
            assert workspace.register_model(MODEL, run.run_id, tags=tags).version == version
        damaged = server.home / "models" / MODEL / str(DAMAGED) / "model.onnx"
        damaged.chmod(0o644)
        damaged.write_bytes(b"no model")
        workspace.register_dataset(HOLDOUT.name, DatasetSource(path=str(write_holdout(folder / "holdout.csv"))))
        yield server
    finally:
        server.stop()


@pytest.fixture
def workspace(promotion_server: LocalServer) -> LocalWorkspace:
    return promotion_server.workspace()


@pytest.fixture
def name(promotion_server: LocalServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A service name of the test's own; the service is deleted afterwards."""
    made = f"live-{abs(hash(request.node.name)) % 10**8}"
    yield made
    promotion_server.workspace().delete_service(made)


def write_holdout(path: Path) -> Path:
    rows = make_rows(20)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "y"])
        writer.writeheader()
        writer.writerows({**row, "y": "yes"} for row in rows)
    return path


def version(number: int) -> Versioned:
    return Versioned(name=MODEL, version=number)


def decided(workspace: Workspace, service: str, challenger: int, champion: int | None, **given: Any) -> DecisionRecord:
    """A stored decision to promote, of a drop that was trained."""
    key = f"{service}-{challenger}"
    request = GateRequest(
        service=service,
        candidate_service=f"cand-{challenger}",
        challenger=version(challenger),
        holdout=given.pop("holdout", HOLDOUT),
        label="y",
        drop_dataset=MODEL,
        drop_key=key,
        by=f"drops/run-{challenger}",
    )
    decision = DecisionRecord(
        decision_id=f"{challenger}-over-{champion}-{datetime.now(UTC):%H%M%S%f}",
        at=datetime.now(UTC),
        request=request,
        champion=None if champion is None else version(champion),
        verdict=given.pop("verdict", Verdict.PROMOTE),
        reason=given.pop("reason", "it is better"),
    )
    event = DropEvent(
        status=DropStatus.TRAINED, at=decision.at, fingerprint="sha256:1", model_name=MODEL, model_version=challenger
    )
    note(workspace, MODEL, key, event)
    return store_decision(workspace, decision)


def outcome_of(workspace: Workspace, service: str, challenger: int) -> DropStatus:
    found = read_drop(workspace, MODEL, f"{service}-{challenger}")
    assert found is not None
    return found.latest.status


@dataclass
class Client:
    """Scores without a pause until it is told to stop."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self, uri: str, key: str | None, stop: threading.Event) -> None:
        rows = make_rows(1)
        with ScoringClient(uri, key, timeout=30) as client:
            while not stop.is_set():
                try:
                    client.score(rows)
                except WorkspaceError as error:
                    self.failures.append(str(error))
                self.answered += 1
                time.sleep(0.001)


@contextmanager
def clients(workspace: Workspace, service: str, count: int = 3) -> Iterator[list[Client]]:
    """Clients that never stop asking; at the end each had answers after the last thing that happened."""
    found = workspace.get_service(service)
    key, stop = workspace.service_keys(service).primary, threading.Event()
    asking = [Client() for _ in range(count)]
    threads = [threading.Thread(target=client.run, args=(found.scoring_uri, key, stop)) for client in asking]
    for thread in threads:
        thread.start()
    try:
        yield asking
        seen = [client.answered for client in asking]
        end = time.monotonic() + 30
        while any(client.answered < before + 5 for client, before in zip(asking, seen, strict=True)):
            assert time.monotonic() < end, "a client gets no answers any more"
            time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
