"""What every operator of the package keeps."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowNotFoundException
from tests.unit.airflow_azureml.conftest import FakeWorkspace, TaskContext

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.operators.batch_score import AzureMLBatchScoreOperator
from airflow_azureml.operators.benchmark_endpoint import AzureMLBenchmarkEndpointOperator
from airflow_azureml.operators.compare_models import AzureMLCompareModelsOperator
from airflow_azureml.operators.delete_service import AzureMLDeleteServiceOperator
from airflow_azureml.operators.deploy_candidate import AzureMLDeployCandidateOperator
from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from airflow_azureml.operators.enable_insights import AzureMLEnableInsightsOperator
from airflow_azureml.operators.gate import AzureMLGateOperator
from airflow_azureml.operators.monitor_service import AzureMLMonitorServiceOperator
from airflow_azureml.operators.prepare_training import AzureMLPrepareTrainingOperator
from airflow_azureml.operators.promote_model import AzureMLPromoteModelOperator
from airflow_azureml.operators.publish_pipeline import AzureMLPublishPipelineOperator
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from airflow_azureml.operators.register_drop import AzureMLRegisterDropOperator
from airflow_azureml.operators.rollback import AzureMLRollbackOperator
from airflow_azureml.operators.scan_drops import AzureMLScanDropsOperator
from airflow_azureml.operators.smoke_score import AzureMLSmokeScoreOperator
from airflow_azureml.operators.trigger_pipeline import AzureMLTriggerPipelineOperator
from airflow_azureml.provider import get_provider_info
from airflow_azureml.retry_policy import AzureMLRetryPolicy
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    WorkspaceError,
)

pytestmark = pytest.mark.unit

REGISTERED_DROP = {
    "name": "d",
    "version": 1,
    "rows": 2,
    "fingerprint": "sha256:ab",
    "drop_key": "2026-11-27",
    "replaces": None,
    "report": "",
    "file_found": True,
    "source_conn_id": None,
    "settings": {"dataset": "d", "pattern": "{date}.csv", "label": "y"},
}
"""What the task before one that prepares a training returned."""

MAKE: dict[type[AzureMLBaseOperator], dict[str, Any]] = {
    AzureMLRegisterDatasetOperator: {"data": "a.csv", "name": "d"},
    AzureMLAutoMLRunOperator: {"dataset": "d", "label_column_name": "y", "experiment_name": "exp"},
    AzureMLDeployModelOperator: {"model": "m", "service_name": "svc-a"},
    AzureMLEnableInsightsOperator: {"service": "svc-a"},
    AzureMLSmokeScoreOperator: {"service": "svc-a"},
    AzureMLBenchmarkEndpointOperator: {"service": "svc-a"},
    AzureMLPublishPipelineOperator: {
        "name": "p",
        "dataset": "d",
        "label_column_name": "y",
        "experiment_name": "exp",
    },
    AzureMLTriggerPipelineOperator: {"pipeline": "p"},
    AzureMLCompareModelsOperator: {"model": "m", "service": "svc-a"},
    AzureMLMonitorServiceOperator: {"service": "svc-a"},
    AzureMLBatchScoreOperator: {"service": "svc-a", "data": "a.csv", "output_folder": "out"},
    AzureMLDeployCandidateOperator: {"model": "m", "service": "svc-a"},
    AzureMLGateOperator: {"candidate": "svc-c", "service": "svc-a", "holdout": "d", "label_column_name": "y"},
    AzureMLDeleteServiceOperator: {"service": "svc-c"},
    AzureMLPromoteModelOperator: {"gate": "decisions/svc-a/of-today"},
    AzureMLRollbackOperator: {"service": "svc-a", "reason": "clients complain"},
    AzureMLScanDropsOperator: {"drops": "{key}.csv", "name": "d", "run_dag_id": "work"},
    AzureMLRegisterDropOperator: {"drops": "{date}.csv", "name": "d", "drop_key": "2026-11-27"},
    AzureMLPrepareTrainingOperator: {"drop": REGISTERED_DROP, "service": "svc-a"},
}
OPERATORS = list(MAKE)


def arguments_of(operator: type[BaseOperator]) -> set[str]:
    """Its own, and those of the package's classes between it and the base of all."""
    own = operator.mro()[: operator.mro().index(AzureMLBaseOperator)]
    parameters = [p for kind in own if "__init__" in vars(kind) for p in inspect.signature(kind).parameters.values()]
    assert all(p.kind in {p.KEYWORD_ONLY, p.VAR_KEYWORD} for p in parameters)
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_own_argument_is_keyword_only_and_templated(operator: type[AzureMLBaseOperator]) -> None:
    assert arguments_of(operator) | {"azureml_conn_id"} == set(operator.template_fields)


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_constructor_keeps_arguments_as_they_are_and_looks_nothing_up(
    operator: type[AzureMLBaseOperator], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("I/O in a constructor")

    monkeypatch.setattr(AzureMLHook, "get_connection", forbidden)
    task = operator(task_id="t", azureml_conn_id="missing", **MAKE[operator])
    assert {name: getattr(task, name) for name in MAKE[operator]} == MAKE[operator]


@pytest.mark.parametrize("operator", OPERATORS)
def test_templates_reach_every_field(operator: type[AzureMLBaseOperator]) -> None:
    with DAG("d", schedule=None):
        task = operator(task_id="t", **dict.fromkeys(arguments_of(operator), "{{ params.x }}"))
    task.render_template_fields({"params": {"x": "rendered"}})
    assert {getattr(task, field) for field in arguments_of(operator)} == {"rendered"}


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_connection_says_how_to_make_it_and_may_be_there_the_next_time(
    operator: type[AzureMLBaseOperator], context: TaskContext, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("y\n1\n")
    monkeypatch.chdir(tmp_path)
    task = operator(task_id="t", azureml_conn_id="nowhere", **MAKE[operator])
    with pytest.raises(AirflowNotFoundException, match="airflow connections add nowhere") as caught:
        task.execute(context)  # type: ignore[arg-type]
    assert task.retry_policy is not None
    assert task.retry_policy.evaluate(caught.value, 1, 2).action is RetryAction.DEFAULT


@pytest.mark.parametrize("error", [InvalidRequest, NotFound, Conflict, Unauthorized, ServiceUnavailable, Throttled])
@pytest.mark.parametrize(
    ("operator", "call"),
    [
        (AzureMLRegisterDatasetOperator, "register_dataset"),
        (AzureMLAutoMLRunOperator, "submit_automl"),
        (AzureMLDeployModelOperator, "deploy"),
        (AzureMLEnableInsightsOperator, "set_app_insights"),
        (AzureMLSmokeScoreOperator, "get_service"),
        (AzureMLBenchmarkEndpointOperator, "service_keys"),
        (AzureMLPublishPipelineOperator, "ensure_compute"),
        (AzureMLCompareModelsOperator, "get_model"),
        (AzureMLMonitorServiceOperator, "service_requests"),
        (AzureMLDeployCandidateOperator, "get_service"),
        (AzureMLGateOperator, "get_service"),
        (AzureMLPromoteModelOperator, "read_document"),
        (AzureMLRollbackOperator, "reopened"),
    ],
)
def test_retry_policy(
    operator: type[AzureMLBaseOperator],
    call: str,
    error: type[WorkspaceError],
    workspace: FakeWorkspace,
    context: TaskContext,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.csv").write_text("y\n1\n")
    monkeypatch.chdir(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise error("what happened")

    monkeypatch.setattr(workspace, call, fail)
    task = operator(task_id="t", **MAKE[operator])
    with pytest.raises(error, match="what happened") as caught:
        task.execute(context)  # type: ignore[arg-type]
    assert task.retry_policy is not None
    expected = RetryAction.RETRY if error.retryable else RetryAction.FAIL
    assert task.retry_policy.evaluate(caught.value, 1, 2).action is expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_retry_policy_of_ones_own(operator: type[AzureMLBaseOperator]) -> None:
    own = AzureMLRetryPolicy(first_delay=timedelta(seconds=1))
    assert operator(task_id="t", retry_policy=own, **MAKE[operator]).retry_policy is own
    with DAG("d", schedule=None, default_args={"retry_policy": own}):
        assert operator(task_id="t", **MAKE[operator]).retry_policy is own


@pytest.mark.parametrize("operator", OPERATORS)
def test_kill_before_anything_happened(operator: type[AzureMLBaseOperator]) -> None:
    operator(task_id="t", **MAKE[operator]).on_kill()


def test_links_are_announced_to_airflow() -> None:
    announced = set(get_provider_info()["extra-links"])
    used = {
        f"{type(link).__module__}.{type(link).__name__}"
        for operator in OPERATORS
        for link in operator.operator_extra_links
    }
    assert used == announced
