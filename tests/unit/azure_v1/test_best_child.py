"""Which child of an AutoML run has its model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from azureml_workspace.azure_v1.sdk import inference
from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.azure_v1.steps.source import register_model
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import NotFound, RunFailed

pytestmark = pytest.mark.unit

RUN = {
    "runId": "parent",
    "experimentId": "e",
    "status": "Completed",
    "createdUtc": "2026-05-01T10:00:00Z",
    "runType": "automl",
    "properties": {"primary_metric": "AUC_weighted"},
    "tags": {},
}
SCORES = {"parent_0": "0.25", "parent_1": "0.75", "parent_2": "nan", "parent_setup": None}


def child(run_id: str, score: str | None) -> dict[str, Any]:
    properties = {"runTemplate": "automl_child", "iteration": run_id[-1], "primary_metric": "AUC_weighted"}
    return {**RUN, "runId": run_id, "parentRunId": "parent", "properties": {**properties, "score": score}}


class Sdk:
    """Notes what it is asked, and registers version 1."""

    def __init__(self) -> None:
        self.registered: list[Mapping[str, Any]] = []

    def call(self, operation: str, arguments: Mapping[str, Any], **_: Any) -> Any:
        assert operation == "register_model"
        self.registered.append(arguments)
        return 1


class Azure:
    """One AutoML run whose children have `SCORES`."""

    def __init__(self, **changes: Any) -> None:
        self.sdk = Sdk()
        self.asked: list[str] = []
        children = [child(run_id, score) for run_id, score in SCORES.items()]
        model = {"name": "bank", "version": 1, "createdTime": "2026-05-01T10:00:00Z"}
        self.answers: dict[str, Any] = {
            "history/runs/parent": {**RUN, **changes},
            "history/experimentids/e": {"name": "bank"},
            "history/experiments/bank/runs/parent/children": {"value": children},
            "modelmanagement/models": {"value": []},
            "modelmanagement/models/bank%3A1": model,
            **{f"history/runs/{found['runId']}": found for found in children},
        }

    def json(self, _method: str, service: str, path: str, **_: Any) -> Any:
        asked = f"{service}{path}"
        self.asked.append(asked)
        if asked not in self.answers:
            raise NotFound(asked)
        return self.answers[asked]


def opened(azure: Azure) -> AzureWorkspace:
    return AzureWorkspace(azure)  # type: ignore[arg-type]


def holders(azure: Azure, run_id: str = "parent") -> list[str]:
    return opened(azure)._holders(run_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"automl_best_child_run_id": "parent_0"}},
        {"properties": {"best_child_run_id_000": "parent_0"}},
        {"tags": {"automl_best_child_run_id": "parent_0"}, "properties": {"best_child_run_id_000": "parent_2"}},
    ],
)
def test_what_automl_says_counts_and_costs_nothing(changes: dict[str, Any]) -> None:
    azure = Azure(**changes)
    assert holders(azure) == ["parent", "parent_0"]
    assert azure.asked == ["history/runs/parent"]


def test_where_it_says_nothing_the_best_score_counts() -> None:
    azure = Azure()
    assert holders(azure) == ["parent", "parent_1"]
    opened(azure).register_model("bank", "parent")
    assert azure.sdk.registered[0]["run_id"] == "parent_1"


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "Running"},
        {"runType": "azureml.scriptrun", "properties": {}},
        {"properties": {"primary_metric": "normalized_root_mean_squared_error"}},  # the less the better
    ],
)
def test_scores_of_other_runs_are_not_asked_for(changes: dict[str, Any]) -> None:
    azure = Azure(**changes)
    assert holders(azure) == ["parent"]
    assert azure.asked == ["history/runs/parent"]


def test_a_trial_has_no_best_child() -> None:
    azure = Azure()
    assert holders(azure, "parent_0") == ["parent_0"]
    assert azure.asked == ["history/runs/parent_0"]


def test_without_a_score_there_is_no_model() -> None:
    azure = Azure()
    azure.answers["history/experiments/bank/runs/parent/children"] = {"value": [child("parent_2", "nan")]}
    with pytest.raises(RunFailed, match="no best child"):
        opened(azure).register_model("bank", "parent")


# Where only the SDK asks


class SdkRun:
    """A run as the SDK gives it."""

    def __init__(self, found: Mapping[str, Any], children: list[SdkRun] | None = None) -> None:
        self.id: str = found["runId"]
        self.found = found
        self.children = children or []

    @property
    def properties(self) -> dict[str, str]:
        return {name: value for name, value in self.found["properties"].items() if value is not None}

    def get_status(self) -> str:
        return str(self.found["status"])

    def get_tags(self) -> dict[str, str]:
        return dict(self.found["tags"])

    def get_properties(self) -> dict[str, str]:
        return self.properties

    def get_children(self) -> list[SdkRun]:
        return self.children

    def get_file_names(self) -> list[str]:
        return [f"of {self.id}"]


@pytest.fixture(params=[{}, {"automl_best_child_run_id": "parent_0"}], ids=["says nothing", "says it"])
def runs(request: pytest.FixtureRequest) -> dict[str, SdkRun]:
    children = [SdkRun(child(run_id, score)) for run_id, score in SCORES.items()]
    parent = SdkRun({**RUN, "tags": request.param}, children)
    return {run.id: run for run in (parent, *children)}


def expected(runs: dict[str, SdkRun]) -> str:
    return runs["parent"].get_tags().get("automl_best_child_run_id", "parent_1")


@pytest.mark.parametrize("of", ["parent", "parent_0"])
def test_what_is_deployed_has_the_files_of_the_best_child(
    runs: dict[str, SdkRun], monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    sdk = SimpleNamespace(Run=SimpleNamespace(get=lambda _workspace, run_id: runs[run_id]))
    monkeypatch.setitem(sys.modules, "azureml.core", sdk)
    session = cast(SdkSession, SimpleNamespace(workspace=None))
    run, files = inference._run_with_model(session, of)
    wanted = expected(runs) if of == "parent" else of
    assert (run.id, files) == (wanted, [f"of {wanted}"])


def test_what_a_pipeline_registers_is_the_best_child(runs: dict[str, SdkRun]) -> None:
    assert register_model._best_child(runs["parent"]).id == expected(runs)


def test_a_pipeline_registers_nothing_that_has_no_score() -> None:
    parent = SdkRun(RUN, [SdkRun(child("parent_2", "nan")), SdkRun(child("parent_setup", None))])
    with pytest.raises(SystemExit, match="no best child"):
        register_model._best_child(parent)
