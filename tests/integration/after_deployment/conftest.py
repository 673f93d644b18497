"""A deployed model on the real local server, and clients that send it rows."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.contract.conftest import settle, write_rows
from tests.integration.airflow_azureml.conftest import TaskContext as _TaskContext
from tests.integration.airflow_azureml.conftest import _called_by_the_test, connect  # noqa: F401 - a fixture
from tests.local_server import LocalServer

from azureml_workspace.protocol import Workspace
from azureml_workspace.records import (
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    DeploySettings,
    ModelVersion,
    WebService,
)
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

LABEL = "bought"


@dataclass(frozen=True)
class Live:
    """A healthy service with Application Insights on."""

    workspace: Workspace
    service: WebService
    key: str

    def send(self, rows: list[dict[str, Any]], *, purpose: str | None = None, status: int = 200) -> None:
        """As a client with an HTTP library does."""
        headers = {"Authorization": f"Bearer {self.key}"} | ({} if purpose is None else {"x-azureml-purpose": purpose})
        answer = requests.post(self.service.scoring_uri, json={"data": rows}, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text

    def wait_for_requests(self, count: int) -> None:
        """Telemetry is written in batches."""
        name = self.service.name
        settle(lambda: self.workspace.service_requests(name, since_seconds=3600), lambda seen: seen.count >= count)

    def wait_for_inputs(self, count: int) -> None:
        """The sample is written in batches too."""
        name = self.service.name
        settle(lambda: self.workspace.service_inputs(name, since_seconds=3600), lambda seen: len(seen.rows) >= count)

    def deploy(self, **given: Any) -> WebService:
        """In place, waited for."""
        return deploy(self.workspace, self.service.name, given["model"])


def task_context(run_id: str = "manual__1", task_id: str = "task") -> Any:
    context = _TaskContext(task_id)
    context["ti"].run_id = run_id
    return context


@pytest.fixture(scope="session")
def model(local_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """Trained on `write_rows`, with the tags that AzureMLAutoMLRunOperator writes."""
    workspace = local_server.workspace()
    path = tmp_path_factory.mktemp("shop") / "shop.csv"
    write_rows(path, 600)
    dataset = workspace.register_dataset("after-shop", DatasetSource(path=str(path)))
    workspace.ensure_compute(ComputeTarget(name="after", max_nodes=1))
    settings = AutoMLSettings(
        experiment_name="after",
        dataset_name=dataset.name,
        dataset_version=dataset.version,
        label_column_name=LABEL,
        experiment_timeout_minutes=0.25,
        iterations=1,
        compute_target="after",
    )
    run = workspace.submit_automl(settings, submission_key="after")
    run = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal, seconds=90)
    assert run.status == "Completed", run.error
    tags = {"dataset": dataset.name, "dataset_version": str(dataset.version), "label": LABEL}
    return workspace.register_model("after-shop", run.run_id, tags=tags)


def deploy(workspace: Workspace, name: str, model: ModelVersion) -> WebService:
    workspace.deploy(
        DeploySettings(service_name=name, model_name=model.name, model_version=model.version, app_insights_enabled=True)
    )
    service = settle(lambda: workspace.get_service(name), lambda seen: seen.state in SETTLED_SERVICE_STATES)
    assert service.state is ServiceState.HEALTHY, service.error
    return service


@pytest.fixture
def live(
    local_server: LocalServer, model: ModelVersion, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Live]:
    """A service of the test's own."""
    connect(monkeypatch, local_server)
    workspace = local_server.workspace()
    name = f"after-{random.Random(request.node.name).randrange(10**8)}"
    service = deploy(workspace, name, model)
    yield Live(workspace=workspace, service=service, key=workspace.service_keys(name).primary)
    workspace.delete_service(name)


def client_rows(count: int, *, seed: int, colours: tuple[str, ...] = ("red", "green", "blue")) -> list[dict[str, Any]]:
    """What clients send; of the training data's distribution unless `colours` says otherwise."""
    chance = random.Random(seed)
    return [
        {"visits": chance.randint(0, 20), "colour": chance.choice(colours), "price": round(chance.random(), 3)}
        for _ in range(count)
    ]


def write_csv(path: Path, rows: list[dict[str, Any]], *, label: bool = False) -> Path:
    """Rows with an id that no model takes, and a label if asked for."""
    names = ["customer", *rows[0], *([LABEL] if label else [])]
    lines = [",".join(names)]
    for number, row in enumerate(rows):
        values = [f"c{number:05d}", *(json.dumps(value).strip('"') for value in row.values())]
        lines.append(",".join([*values, *(["no"] if label else [])]))
    path.write_text("\n".join(lines) + "\n")
    return path


def seconds_pass(seconds: float) -> None:
    """For a window that is to leave something behind."""
    time.sleep(seconds)
