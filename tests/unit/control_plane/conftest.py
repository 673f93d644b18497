"""An empty workspace's stores, on a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.control_plane.pipeline_parts import LABELLED, Pipelines

from azureml_local.paths import Home
from azureml_local.store.computes import ComputeStore
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore, Reading
from azureml_local.store.links import Links
from azureml_local.store.models import ModelStore
from azureml_local.store.runs import RunStore
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
        text: str | bytes, name: str = "people", reading: Reading | None = None, tags: dict[str, str] | None = None
    ) -> DatasetVersion:
        content = text.encode() if isinstance(text, str) else text
        with datasets.upload(name) as upload:
            upload.write(content[:5])
            upload.write(content[5:])
            return datasets.register(upload, reading or Reading(), tags or {})

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
