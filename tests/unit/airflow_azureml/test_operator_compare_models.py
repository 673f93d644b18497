from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from tests.unit.airflow_azureml.conftest import NOW, FakeWorkspace, TaskContext, automl_result

from airflow_azureml._comparison import Contender, compare, table
from airflow_azureml.operators.compare_models import AzureMLCompareModelsOperator
from azureml_workspace.errors import NotFound, RunFailed, ServiceUnavailable, WorkspaceError
from azureml_workspace.records import AutoMLResult, ModelVersion, WebService
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit

RUN = {"run_id": "pipe-1", "model": {"name": "bank", "version": 2}}
"""What the trigger task returned."""

DATA = {"dataset": "bank", "dataset_version": "1"}


class Registry(FakeWorkspace):
    """Models `bank` 1 and 2 of the runs r1 and r2; the service serves version 1."""

    def __init__(self) -> None:
        super().__init__()
        self.states = [ServiceState.HEALTHY]
        self.service = replace(self.service, model_name="bank", model_version=1)
        self.models = {1: model(1), 2: model(2)}
        self.results: dict[str, AutoMLResult | Exception] = {"r1": figures(0.90), "r2": figures(0.93)}
        self.services = {"bank"}

    def get_service(self, name: str) -> WebService:
        if name not in self.services:
            raise NotFound(f"there is no web service {name!r}; deploy it first.")
        return super().get_service(name)

    def get_model(self, name: str, version: int | None = None) -> ModelVersion:
        number = version or max(self.models)
        if name != "bank" or number not in self.models:
            raise NotFound(f"there is no model {name!r} version {number}.")
        return self.models[number]

    def automl_result(self, run_id: str) -> AutoMLResult:
        found = self.results[run_id]
        if isinstance(found, Exception):
            raise found
        return found


def model(version: int, **tags: str) -> ModelVersion:
    return ModelVersion(name="bank", version=version, run_id=f"r{version}", created_at=NOW, tags=DATA | tags)


def figures(auc: float, **more: float) -> AutoMLResult:
    return replace(automl_result("r"), metrics={"AUC_weighted": auc, "log_loss": 1 - auc} | more)


@pytest.fixture
def registry(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> Registry:
    fake = Registry()
    monkeypatch.setattr("airflow_azureml.hook.open_workspace", lambda *_args, **_kwargs: fake)
    return fake


def operator(**given: Any) -> AzureMLCompareModelsOperator:
    arguments: dict[str, Any] = {"model": RUN, "service": "bank"} | given
    return AzureMLCompareModelsOperator(task_id="compare_models", **arguments)


def compared(**given: Any) -> dict[str, Any]:
    return operator(**given).execute(TaskContext())  # type: ignore[arg-type]


def test_challenger_next_to_champion(registry: Registry) -> None:
    result = compared()
    assert result["model"] == {"name": "bank", "version": 2}
    assert result["champion"] == {"name": "bank", "version": 1}
    assert (result["run_id"], result["service_name"], result["primary_metric"]) == ("r2", "bank", "AUC_weighted")
    assert result["verdict"] == "better"
    first = result["metrics"][0]
    assert (first["name"], first["challenger"], first["champion"]) == ("AUC_weighted", 0.93, 0.90)
    assert first["difference"] == pytest.approx(0.03)
    assert result["warnings"] == []


@pytest.mark.parametrize(
    ("auc", "verdict"), [(0.91, "better"), (0.89, "worse"), (0.90, "equal"), (0.90 + 1e-12, "equal")]
)
def test_verdicts(registry: Registry, auc: float, verdict: str) -> None:
    registry.results["r2"] = figures(auc)
    assert compared()["verdict"] == verdict


def test_no_service_is_no_champion(registry: Registry) -> None:
    registry.services.clear()
    result = compared()
    assert (result["verdict"], result["champion"]) == ("first", None)
    assert result["metrics"][0] == {"name": "AUC_weighted", "challenger": 0.93, "champion": None, "difference": None}


def test_a_service_that_was_never_deployed_is_no_champion(registry: Registry) -> None:
    registry.states = [ServiceState.FAILED]
    assert compared()["verdict"] == "first"


@pytest.mark.parametrize("state", [ServiceState.UNHEALTHY, ServiceState.TRANSITIONING])
def test_a_service_in_trouble_still_has_a_champion(
    registry: Registry, state: ServiceState, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.states = [state]
    assert compared()["champion"] == {"name": "bank", "version": 1}
    assert f"bank is {state}" in capsys.readouterr().out


def test_figures_that_cannot_be_read_are_not_invented(registry: Registry) -> None:
    registry.results["r1"] = NotFound("there is no run r1.")
    result = compared()
    assert (result["verdict"], result["champion"]) == ("unknown", {"name": "bank", "version": 1})
    assert result["metrics"][0]["champion"] is None
    assert "The figures of bank version 1 could not be read: there is no run r1." in result["warnings"]


def test_a_challenger_without_figures(registry: Registry) -> None:
    registry.results["r2"] = RunFailed("run r2 is Failed.")
    result = compared()
    assert (result["verdict"], result["primary_metric"]) == ("unknown", "")
    registry.services.clear()
    assert compared()["verdict"] == "first"


def test_a_champion_that_is_not_registered_any_more(registry: Registry) -> None:
    del registry.models[1]
    result = compared()
    assert (result["verdict"], result["champion"]) == ("unknown", {"name": "bank", "version": 1})
    assert "there is no model 'bank' version 1" in result["warnings"][0]


def test_an_unreachable_workspace_is_left_to_retries(registry: Registry) -> None:
    registry.results["r1"] = ServiceUnavailable("no answer")
    with pytest.raises(ServiceUnavailable):
        compared()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"validation": "a holdout of 10%"}, "measured by a holdout of 10%, bank version 1 by 5-fold"),
        ({"classes": ("no", "yes", "maybe")}, "do not tell the same classes apart"),
        ({"primary_metric": "log_loss"}, "bank version 2 was made for log_loss, bank version 1 for AUC_weighted"),
    ],
)
def test_what_is_not_like_for_like_is_said(registry: Registry, change: dict[str, Any], words: str) -> None:
    registry.results["r2"] = replace(figures(0.93), **change)
    assert words in compared()["warnings"][0]


def test_other_data_is_said_once(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    registry.models[2] = model(2, dataset_version="3")
    registry.results["r1"] = replace(figures(0.90), validation="5-fold cross-validation, 300 rows; refitted")
    registry.results["r2"] = replace(figures(0.93), validation="5-fold cross-validation, 4000 rows; refitted")
    (warning,) = compared()["warnings"]
    assert "bank version 2 was trained and measured on bank version 3, bank version 1 on bank version 1" in warning
    assert warning in capsys.readouterr().out


def test_unknown_data_is_said(registry: Registry) -> None:
    registry.models[1] = replace(model(1), tags={})
    assert "on which dataset version was bank version 1 trained?" in compared()["warnings"][0]


def test_a_repeated_run_that_finds_the_serving_version_says_so(registry: Registry) -> None:
    result = compared(model="bank", model_version=1)
    assert result["verdict"] == "equal"
    assert "compared with itself" in result["warnings"][0]


def test_a_name_is_its_latest_version(registry: Registry) -> None:
    assert compared(model="bank")["model"] == {"name": "bank", "version": 2}


def test_deploy_output_as_the_service(registry: Registry) -> None:
    assert compared(service={"name": "bank"})["champion"] == {"name": "bank", "version": 1}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": None}, "model is None"),
        ({"model": "none-such"}, "there is no model 'none-such'"),
        ({"service": ""}, "service is ''"),
    ],
)
def test_wrong_arguments(registry: Registry, given: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkspaceError, match=words):
        compared(**given)


def test_the_event_of_each_asset_tells_what_happened(registry: Registry, context: TaskContext) -> None:
    asset = Asset(name="bank-model", uri="azureml://models/bank")
    events: Any = defaultdict(lambda: SimpleNamespace(extra={}))
    context["outlet_events"] = events
    operator(outlets=[asset]).execute(context)  # type: ignore[arg-type]
    assert events[asset].extra == {
        "model_name": "bank",
        "model_version": 2,
        "run_id": "r2",
        "primary_metric": "AUC_weighted",
        "score": 0.93,
        "verdict": "better",
        "service_name": "bank",
        "champion_name": "bank",
        "champion_version": 1,
        "champion_score": 0.90,
    }
    assert len(json.dumps(events[asset].extra)) < 500


def test_table() -> None:
    new = Contender(name="m", version=12, data="d", result=figures(0.93, accuracy=0.5))
    old = Contender(name="m", version=3, data="d", result=figures(0.95, extra_metric=1.0))
    assert table(compare(new, old, service_name="s")) == [
        "metric                      challenger v12  champion v3  difference",
        "AUC_weighted *                     0.93000      0.95000    -0.02000",
        "accuracy                           0.50000            -           -",
        "extra_metric                             -      1.00000           -",
        "log_loss (lower is better)         0.07000      0.05000    +0.02000",
    ]
    assert table(compare(new, None, service_name="s"))[:2] == [
        "metric                      challenger v12  champion -  difference",
        "AUC_weighted *                     0.93000           -           -",
    ]
