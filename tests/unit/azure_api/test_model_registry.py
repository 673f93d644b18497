"""What is kept of a model beside the engine's own record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.model_management import registry as module
from azureml_local.azure_api.model_management.registry import ModelRegistry
from azureml_workspace.errors import NotFound
from azureml_workspace.records import ModelVersion

pytestmark = pytest.mark.unit


class Engine:
    """One model's only version, somebody's own files."""

    def __init__(self) -> None:
        self.model: ModelVersion | None = None
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.models = self

    def register_files(self, name: str, _files: Any, tags: dict[str, str]) -> ModelVersion:
        self.now += timedelta(seconds=1)
        self.model = ModelVersion(name=name, version=1, run_id="", created_at=self.now, tags=tags)
        return self.model

    def get(self, _name: str, _version: int) -> ModelVersion:
        assert self.model is not None
        return self.model

    def set_tags(self, _name: str, _version: int, tags: dict[str, str]) -> None:
        assert self.model is not None
        self.model = replace(self.model, tags=tags)

    def delete_model(self, _name: str, _version: int) -> None:
        self.model = None

    def get_run(self, run_id: str) -> Any:
        raise NotFound(run_id)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelRegistry]:
    documents = Documents(tmp_path / "documents.db")
    monkeypatch.setattr(module, "Artifacts", lambda _surface: SimpleNamespace(list_all=lambda *_place: []))
    surface: Any = SimpleNamespace(workspace=Engine(), documents=documents)
    yield ModelRegistry(surface)
    documents.close()


def register(registry: ModelRegistry, artifact: str, **given: Any) -> dict[str, Any]:
    asset = registry.create_asset({"artifacts": [{"prefix": artifact}]})
    return registry.register({"name": "own", "url": f"aml://asset/{asset['id']}", **given})


def test_a_version_keeps_what_it_was_registered_with(registry: ModelRegistry) -> None:
    made = register(registry, "o/c/one", description="words")
    registry.change("own:1", [{"op": "add", "path": "/kvTags", "value": {"a": "b"}}])
    registry.change("own:1", [{"op": "replace", "path": "/properties", "value": {"p": "q"}}])
    seen = registry.get("own:1")
    assert (seen["url"], seen["description"], seen["kvTags"]) == (made["url"], "words", {"a": "b"})
    assert seen["properties"] == {"p": "q"}


def test_a_number_that_is_given_anew_has_nothing_of_the_version_before(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ended between the engine's deletion and that of the document."""
    register(registry, "o/c/one", description="words")
    with monkeypatch.context() as ended:
        ended.setattr(registry._documents, "delete", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception, match="killed"):
            registry.delete("own:1")
    asset = registry.create_asset({"artifacts": [{"prefix": "o/c/two"}]})
    again = registry.register({"name": "own", "url": f"aml://asset/{asset['id']}"})
    assert (again["id"], again["description"]) == ("own:1", None)
    assert registry.asset(again["url"].removeprefix("aml://asset/"))["artifacts"][0]["prefix"] == "o/c/two"
