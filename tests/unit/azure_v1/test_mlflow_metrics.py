from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.mlflow import metrics_of_children, metrics_of_run
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable, WorkspaceError
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

PARENT = HistoryRun(
    run_id="AutoML_1",
    experiment_id="e1",
    kind="automl",
    status=RunStatus.COMPLETED,
    created=datetime(2026, 1, 1, tzinfo=UTC),
    started=None,
    ended=None,
    parent_run_id=None,
    error="",
)


def mlflow_run(run_id: str, **metrics: Any) -> dict[str, Any]:
    return {
        "info": {"run_id": run_id},
        "data": {"metrics": [{"key": name, "value": value, "step": 0} for name, value in metrics.items()]},
    }


class Azure:
    """Gives one answer after the other; an error among them is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def json(self, _method: str, service: str, _path: str, **request: Any) -> Any:
        assert service == "mlflow"
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_metrics_of_all_children_page_by_page() -> None:
    azure = Azure(
        {"runs": [mlflow_run("AutoML_1_0", accuracy=0.5)], "next_page_token": "t"},
        {"runs": [mlflow_run("AutoML_1_1", accuracy=0.75, AUC_weighted="NaN"), {"info": {"run_id": "AutoML_1_2"}}]},
    )
    assert metrics_of_children(azure, PARENT) == {  # type: ignore[arg-type]
        "AutoML_1_0": {"accuracy": 0.5},
        "AutoML_1_1": {"accuracy": 0.75},
        "AutoML_1_2": {},
    }
    first, second = (request["body"] for request in azure.asked)
    assert first["experiment_ids"] == ["e1"]
    assert first["filter"] == "tags.mlflow.parentRunId = 'AutoML_1'"
    assert second == {**first, "page_token": "t"}


@pytest.mark.parametrize("value", [None, "", "many", "Infinity"])
def test_what_is_no_number_is_no_metric(value: Any) -> None:
    azure = Azure({"run": mlflow_run("r", log_loss=value, accuracy="0.5")})
    assert metrics_of_run(azure, "r") == {"accuracy": 0.5}  # type: ignore[arg-type]


def test_metrics_of_one_run() -> None:
    assert metrics_of_run(Azure({"run": mlflow_run("r", log_loss=1)}), "r") == {"log_loss": 1.0}  # type: ignore[arg-type]


@pytest.mark.parametrize("refusal", [InvalidRequest("no such filter"), NotFound("no MLflow")])
def test_a_refusal_means_no_metrics(refusal: WorkspaceError, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert metrics_of_children(Azure(refusal), PARENT) == {}  # type: ignore[arg-type]
        assert metrics_of_run(Azure(refusal), "r") == {}  # type: ignore[arg-type]
    assert len(caplog.records) == 2
    assert str(refusal) in caplog.text


def test_an_outage_is_one() -> None:
    with pytest.raises(ServiceUnavailable):
        metrics_of_children(Azure(ServiceUnavailable("503")), PARENT)  # type: ignore[arg-type]
