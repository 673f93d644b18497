"""Names, versions and saved ids: those of the engine wherever it has the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.datasets.catalog import TABULAR, Catalog, Definition, Registration, engine_dataset
from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.storage import DATA, Storage
from azureml_local.azure_api.surface import Surface
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_local.paths import Home
from azureml_local.store.database import Database
from azureml_local.store.datasets import DatasetStore
from azureml_local.store.links import Links
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound

pytestmark = pytest.mark.unit

STORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths"


def definition(path: str, *steps: str, dataset_type: str = TABULAR) -> Definition:
    transformations = "".join(f"\n  - {step}" for step in ("read_delimited:\n      delimiter: ','", *steps))
    yaml = f"---\ntype: mltable\npaths:\n  - pattern: {STORE}/{path}\ntransformations:{transformations}\n"
    dataflow = json.dumps({"blocks": [], "meta": {"RsDataflow": yaml}})
    return Definition(dataflow=dataflow, dataset_type=dataset_type, properties={"p": 1})


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    home = Home(tmp_path / "home")
    home.create()
    home.azure_api.mkdir()
    addresses = Addresses(plain="http://127.0.0.1:1", secure="https://127.0.0.1:2")
    database, documents = Database(home.database), Documents(home.azure_api / "documents.db")
    workspace: Any = SimpleNamespace(datasets=DatasetStore(home, database, Links("http://127.0.0.1:3")))
    storage = Storage(home.azure_api / "storage", home, addresses)
    yield Surface(
        addresses=addresses,
        workspace=workspace,
        documents=documents,
        storage=storage,
        issuer=TokenIssuer("secret"),
        folder=home.azure_api,
    )
    storage.close()
    documents.close()
    database.close()


@pytest.fixture
def catalog(surface: Surface, tmp_path: Path) -> Catalog:
    for name, content in {"one.csv": "a,b\n1,2\n", "two.csv": "a,b\n3,4\n"}.items():
        (tmp_path / name).write_text(content)
        surface.storage.add_file(DATA, name, tmp_path / name)
    return Catalog(surface)


def register(catalog: Catalog, name: str, given: Definition, *, exists_ok: bool = True) -> Registration:
    return catalog.register(name, given, description="d", tags={"t": "1"}, exists_ok=exists_ok)


def natively(surface: Surface, name: str, content: bytes) -> int:
    with surface.workspace.datasets.upload(name) as upload:
        upload.write(content)
        return surface.workspace.datasets.register(upload, TextFormat(), {"by": "engine"}).version


def test_versions_are_the_engines(surface: Surface, catalog: Catalog) -> None:
    assert natively(surface, "people", b"a,b\n0,0\n") == 1
    two = register(catalog, "people", definition("one.csv"))
    three = register(catalog, "people", definition("two.csv"))
    assert (two.version, three.version) == (2, 3)
    assert natively(surface, "people", b"a,b\n9,9\n") == 4
    assert catalog.get("people").version == 4
    assert catalog.get("people", 3) == three
    assert engine_dataset(surface, two.saved_id).version == 2
    assert surface.workspace.datasets.rows("people", 2, 5) == [{"a": 1, "b": 2}]
    assert catalog.get("people", 1).definition.dataflow.count("data.parquet") == 1
    with pytest.raises(NotFound):
        catalog.get("people", 5)


def test_equal_content_is_the_same_version_with_the_last_definition(catalog: Catalog) -> None:
    first = register(catalog, "people", definition("one.csv"))
    again = register(catalog, "people", definition("one.csv", "convert_column_types: []"))
    assert (again.version, again.saved_id) == (first.version, first.saved_id)
    assert catalog.get("people").definition == again.definition != first.definition


def test_names_that_are_taken(catalog: Catalog) -> None:
    register(catalog, "people", definition("one.csv"))
    with pytest.raises(Conflict):
        register(catalog, "people", definition("two.csv"), exists_ok=False)


def test_what_the_engine_cannot_take_over(surface: Surface, catalog: Catalog) -> None:
    files = register(catalog, "files", definition("one.csv", dataset_type="file"))
    more = register(catalog, "files", definition("two.csv", dataset_type="file"))
    assert (files.version, more.version) == (1, 2)
    assert catalog.get("files", 1) == files
    assert catalog.definition(more.saved_id) == more.definition
    with pytest.raises(InvalidRequest, match="files"):
        engine_dataset(surface, files.saved_id)
    with pytest.raises(InvalidRequest, match="no tables"):
        register(catalog, "files", definition("one.csv"))
    register(catalog, "people", definition("one.csv"))
    with pytest.raises(InvalidRequest, match="partition"):
        register(catalog, "people", definition("one.csv", "extract_columns_from_partition_format: x"))
    assert catalog.get("people").version == 1


def test_datasets_without_a_name(surface: Surface, catalog: Catalog) -> None:
    key = catalog.save(definition("one.csv"))
    assert catalog.save(definition("one.csv")) == key != catalog.save(definition("two.csv"))
    assert catalog.find_registered(key) is None
    taken = engine_dataset(surface, key)
    assert (taken.rows, engine_dataset(surface, key).version) == (1, 1)
    assert catalog.latest() == []
    with pytest.raises(NotFound):
        catalog.definition("no-such-id")
    with pytest.raises(NotFound):
        engine_dataset(surface, "no-such-id")


@pytest.mark.parametrize("kind", ["file", "table"])
def test_an_id_stays_that_of_its_data_when_the_engine_takes_the_name(
    surface: Surface, catalog: Catalog, kind: str
) -> None:
    given = (
        definition("one.csv", dataset_type="file")
        if kind == "file"
        else definition("one.csv", "extract_columns_from_partition_format: x")
    )
    before = register(catalog, "shop", given)
    assert natively(surface, "shop", b"a,b\n9,9\n") == 1
    native = catalog.get("shop")
    assert native.saved_id != before.saved_id
    assert catalog.find_registered(before.saved_id) == before
    assert catalog.definition(before.saved_id) == given
    with pytest.raises(InvalidRequest, match="files" if kind == "file" else "partition"):
        engine_dataset(surface, before.saved_id)
    assert catalog.find_registered(native.saved_id) == native
    assert engine_dataset(surface, native.saved_id).name == "shop"


def test_descriptions_and_tags(surface: Surface, catalog: Catalog) -> None:
    natively(surface, "native", b"a,b\n0,0\n")
    register(catalog, "people", definition("one.csv"))
    register(catalog, "files", definition("one.csv", dataset_type="file"))
    for name in ("native", "people", "files"):
        before = catalog.get(name, 1)
        changed = catalog.update(name, 1, description="other", tags={"only": "this"})
        assert (changed.description, changed.tags) == ("other", {"only": "this"})
        assert (changed.definition, changed.saved_id) == (before.definition, before.saved_id)
        assert catalog.get(name, 1) == changed
    assert surface.workspace.datasets.get("native").tags == {"only": "this"}


def test_lists_the_latest_of_every_name(surface: Surface, catalog: Catalog) -> None:
    natively(surface, "native", b"a,b\n0,0\n")
    register(catalog, "people", definition("one.csv"))
    register(catalog, "people", definition("two.csv"))
    register(catalog, "files", definition("one.csv", dataset_type="file"))
    assert {found.name: found.version for found in catalog.latest()} == {"native": 1, "people": 2, "files": 1}
