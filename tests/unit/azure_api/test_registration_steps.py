"""Which step of a pipeline is the registration that the engine does itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from azureml_local.azure_api.documents import Document, Documents
from azureml_local.azure_api.pipelines.registration import Registration, read_registration
from azureml_local.azure_api.surface import Surface
from azureml_workspace.azure_v1.steps import SCRIPT, SOURCE
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

TAGS = base64.urlsafe_b64encode(b'{"team": "shop"}').decode()


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    """One snapshot, whose script is the file `script`."""
    documents = Documents(tmp_path / "documents.db")
    documents.put("snapshot", "s", {"Files": {SCRIPT: "script"}})
    storage = SimpleNamespace(find=lambda _, name: SimpleNamespace(path=tmp_path / name))
    yield cast(Surface, SimpleNamespace(documents=documents, storage=storage))
    documents.close()


def module(*arguments: str) -> Document:
    given = [{"Value": argument} for argument in arguments]
    return {"Name": "register", "StorageId": "s", "StructuredInterface": {"Arguments": given}}


def test_the_script_as_it_is_published_is_the_registration(surface: Surface, tmp_path: Path) -> None:
    (tmp_path / "script").write_bytes((SOURCE / SCRIPT).read_bytes())
    found = read_registration(surface, module("--model-name", "shop", "--tags", TAGS))
    assert found == Registration(model_name="shop", tags={"team": "shop"})
    with pytest.raises(InvalidRequest, match="--model-name"):
        read_registration(surface, module("--tags", TAGS))


def test_a_script_that_somebody_changed_is_not(surface: Surface, tmp_path: Path) -> None:
    (tmp_path / "script").write_bytes((SOURCE / SCRIPT).read_bytes() + b"\nprint('and tell everybody')\n")
    assert read_registration(surface, module("--model-name", "shop", "--tags", TAGS)) is None
