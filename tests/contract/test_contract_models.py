from __future__ import annotations

import pytest
from tests.contract.conftest import Trained

from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.contract


def test_register(workspace: Workspace, trained: Trained) -> None:
    model = trained.model
    assert (model.name, model.version, model.run_id) == ("contract-shop", 1, trained.run.run_id)
    assert model.tags == {"drop": "1"}
    assert workspace.get_model("contract-shop", 1) == workspace.get_model("contract-shop")
    assert workspace.get_model("contract-shop").run_id == trained.run.run_id


def test_registering_a_run_again_finds_the_version(workspace: Workspace, trained: Trained) -> None:
    assert workspace.register_model("contract-shop", trained.run.run_id, tags={"drop": "1"}).version == 1
    assert workspace.register_model("contract-shop", trained.run.run_id).version == 1


def test_names_are_apart(workspace: Workspace, trained: Trained) -> None:
    assert workspace.register_model("contract-other", trained.run.run_id).version == 1


def test_all_versions_of_a_model(workspace: Workspace, trained: Trained) -> None:
    assert workspace.list_model_versions("contract-nobody-yet") == []
    assert workspace.list_model_versions("contract-shop") == [workspace.get_model("contract-shop", 1)]
    with pytest.raises(InvalidRequest):
        workspace.list_model_versions("a b")


def test_names_of_models(workspace: Workspace, trained: Trained) -> None:
    workspace.register_model("contract-listed", trained.run.run_id)
    names = workspace.list_model_names()
    assert {"contract-listed", "contract-shop"} <= set(names)
    assert names == sorted(set(names))


def test_registering_a_run_again_adds_its_tags(workspace: Workspace, trained: Trained) -> None:
    name = "contract-tagged"
    workspace.register_model(name, trained.run.run_id, tags={"kept": "1", "changed": "old"})
    again = workspace.register_model(name, trained.run.run_id, tags={"changed": "new"})
    assert again.tags == {"kept": "1", "changed": "new"}
    assert [model.tags for model in workspace.list_model_versions(name)] == [again.tags]


def test_unknown(workspace: Workspace, trained: Trained) -> None:
    with pytest.raises(NotFound):
        workspace.get_model("contract-nobody")
    with pytest.raises(NotFound):
        workspace.get_model("contract-shop", 99)


def test_bad_name(workspace: Workspace, trained: Trained) -> None:
    with pytest.raises(InvalidRequest):
        workspace.register_model("a b", trained.run.run_id)
