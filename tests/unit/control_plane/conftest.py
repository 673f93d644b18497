"""An empty workspace's stores, on a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.unit.control_plane.pipeline_http import BASE, TOKEN
from tests.unit.control_plane.pipeline_parts import LABELLED, Pipelines, definition

from azureml_local.jobs.dispatcher import Dispatcher
from azureml_local.paths import Home
from azureml_local.pipelines.orchestrator import Orchestrator
from azureml_local.server.app import create_app
from azureml_local.server.workspace import LocalWorkspace, WorkspaceConfig
from azureml_local.store.computes import ComputeStore
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.links import Links
from azureml_local.store.models import ModelStore
from azureml_local.store.runs import RunStore
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.records import AutoMLSettings, ComputeTarget, DatasetVersion

RegisterText = Callable[..., DatasetVersion]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    opened = Database(home.database)
    yield opened
    opened.close()


@pytest.fixture
def links() -> Links:
    return Links("http://127.0.0.1:1")


@pytest.fixture
def datasets(home: Home, database: Database, links: Links) -> DatasetStore:
    return DatasetStore(home, database, links)


@pytest.fixture
def computes(database: Database) -> ComputeStore:
    return ComputeStore(database)


@pytest.fixture
def runs(database: Database, links: Links, computes: ComputeStore) -> RunStore:
    computes.ensure(ComputeTarget(name="cpu-cluster"))
    return RunStore(database, links)


@pytest.fixture
def models(home: Home, database: Database) -> ModelStore:
    return ModelStore(home, database)


@pytest.fixture
def register(datasets: DatasetStore) -> RegisterText:
    """Registers a text as it would arrive over HTTP, in two pieces."""

    def do(
        text: str | bytes,
        name: str = "people",
        text_format: TextFormat | None = None,
        tags: dict[str, str] | None = None,
    ) -> DatasetVersion:
        content = text.encode() if isinstance(text, str) else text
        with datasets.upload(name) as upload:
            upload.write(content[:5])
            upload.write(content[5:])
            return datasets.register(upload, text_format or TextFormat(), tags or {})

    return do


@pytest.fixture
def settings() -> AutoMLSettings:
    return AutoMLSettings(experiment_name="exp", dataset_name="people", dataset_version=1, label_column_name="y")


@pytest.fixture
def pipelines(
    home: Home,
    database: Database,
    links: Links,
    datasets: DatasetStore,
    computes: ComputeStore,
    runs: RunStore,
    models: ModelStore,
    register: RegisterText,
) -> Pipelines:
    """The pipelines of a workspace that has the dataset `people`."""
    register(LABELLED)
    return Pipelines.on(home, database, links, datasets=datasets, computes=computes, runs=runs, models=models)


@pytest.fixture
def workspace(home: Home, monkeypatch: pytest.MonkeyPatch) -> LocalWorkspace:
    """A workspace in which no run goes on by itself."""
    for looks_after_runs in (Dispatcher, Orchestrator):
        monkeypatch.setattr(looks_after_runs, "step", lambda _: 60.0)
    return LocalWorkspace(WorkspaceConfig(home=home, base_url=BASE))


@pytest.fixture
def client(workspace: LocalWorkspace) -> Iterator[TestClient]:
    with TestClient(create_app(workspace, TOKEN, lambda: None), headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        opened.post("/v1/datasets/people/versions", content=LABELLED.encode())
        opened.put("/v1/computes/cpu-cluster", json={"name": "cpu-cluster"})
        yield opened


@pytest.fixture
def published(client: TestClient) -> dict[str, Any]:
    response = client.post("/v1/pipelines", json=definition().to_dict())
    assert response.status_code == 200, response.text
    made: dict[str, Any] = response.json()
    return made
