from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext, run
from tests.unit.airflow_azureml.ui_workspace import a_pipeline

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.links import (
    AzureMLDatasetLink,
    AzureMLDecisionLink,
    AzureMLPipelineLink,
    AzureMLRunLink,
    AzureMLServiceLink,
    page_of,
)
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

PLACE = SimpleNamespace(dag_id="a dag", run_id="manual__2026-11-21T05:13:48+00:00", task_id="g.t", map_index=-1)
PAGE = "/azureml/run?dag_id=a+dag&dag_run_id=manual__2026-11-21T05%3A13%3A48%2B00%3A00&task_id=g.t"


class Task(SimpleNamespace):
    """What a link needs of an operator."""

    def __init__(self, *, has_portal: bool) -> None:
        hook = SimpleNamespace(has_portal=has_portal, azureml_conn_id="prod")
        super().__init__(hook=hook, pushed_links={}, pushed_run_id=None)


def test_a_backend_without_a_portal_leads_to_a_page_of_airflow(context: TaskContext) -> None:
    task: Any = Task(has_portal=False)
    url = AzureMLRunLink().push(task, context, run("run-1", RunStatus.QUEUED))  # type: ignore[arg-type]
    assert url == "/azureml/run?dag_id=d&dag_run_id=manual__1&task_id=automl_run"
    assert context.xcom == {"azureml_run": {"conn_id": "prod", "run_id": "run-1"}, "azureml_run_url": url}
    assert task.pushed_run_id == "run-1"
    assert AzureMLRunLink().get_link(task, ti_key=None) == url  # type: ignore[arg-type]


def test_a_portal_is_led_to(context: TaskContext) -> None:
    task: Any = Task(has_portal=True)
    url = AzureMLRunLink().push(task, context, run("run-1", RunStatus.QUEUED))  # type: ignore[arg-type]
    assert url == context.xcom["azureml_run_url"] == "http://portal/run-1"


def test_published_pipeline(context: TaskContext) -> None:
    task: Any = Task(has_portal=False)
    url = AzureMLPipelineLink().push(task, context, a_pipeline(3))  # type: ignore[arg-type]
    assert url == "/azureml/pipeline?dag_id=d&dag_run_id=manual__1&task_id=automl_run"
    assert context.xcom == {"azureml_pipeline": {"conn_id": "prod", "pipeline_id": "id-3"}, "azureml_pipeline_url": url}


def test_service(context: TaskContext) -> None:
    task: Any = Task(has_portal=False)
    AzureMLServiceLink().push(task, context, "bank-svc")  # type: ignore[arg-type]
    assert context.xcom == {"azureml_service_url": "/azureml/services?name=bank-svc&conn_id=prod"}


def test_dataset(context: TaskContext) -> None:
    task: Any = Task(has_portal=True)
    task.hook.azureml_conn_id = "azureml_default"
    AzureMLDatasetLink().push(task, context, "bank-data", 3)  # type: ignore[arg-type]
    assert context.xcom == {"azureml_dataset_url": "/azureml/data?name=bank-data&version=3"}


def test_dataset_of_a_drop_that_was_refused(context: TaskContext) -> None:
    task: Any = Task(has_portal=False)
    AzureMLDatasetLink().push(task, context, "bank-data")  # type: ignore[arg-type]
    assert context.xcom == {"azureml_dataset_url": "/azureml/data?name=bank-data&conn_id=prod"}


def test_decision(context: TaskContext) -> None:
    task: Any = Task(has_portal=False)
    AzureMLDecisionLink().push(task, context, "bank")  # type: ignore[arg-type]
    assert context.xcom == {"azureml_decision_url": "/azureml/models?name=bank&conn_id=prod#decisions"}


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("", ""),
        ("http://localhost:8080", ""),
        ("http://localhost:8080/", ""),
        ("https://company.com/team/airflow", "/team/airflow"),
        ("https://company.com/team/airflow/", "/team/airflow"),
    ],
)
def test_page_is_below_airflows_root(base_url: str, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert page_of("run", PLACE) == root + PAGE


@pytest.mark.parametrize(("map_index", "more"), [(-1, ""), (None, ""), (0, "&map_index=0"), (7, "&map_index=7")])
def test_page_of_a_mapped_task(map_index: int | None, more: str) -> None:
    assert page_of("run", SimpleNamespace(**vars(PLACE) | {"map_index": map_index})) == PAGE + more


def test_what_was_never_pushed_is_asked_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that failed before it submitted: Airflow logs an error for an XCom that is not there."""

    def forbidden(**_asked: Any) -> None:
        raise AssertionError("asked for an XCom")

    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.get_value", forbidden)
    task: Any = Task(has_portal=False)
    assert AzureMLRunLink().get_link(task, ti_key=PLACE) == ""  # type: ignore[arg-type]


def test_the_local_server_has_no_portal(workspace: FakeWorkspace) -> None:
    assert AzureMLHook().has_portal is False
