from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from azureml_workspace.errors import InvalidRequest
from mlops_config.bank_marketing import BANK_MARKETING
from scripts.run.options import MOST_AT_ONCE, MOST_REQUESTS

pytestmark = pytest.mark.unit

DAG_FILE = Path(__file__).parents[3] / "dags" / "bank_marketing_train.py"
CHAIN = ["register_dataset", "automl_run", "deploy", "enable_insights", "smoke_score", "benchmark"]


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(dag_folder=str(DAG_FILE))
    assert bag.import_errors == {}
    return bag.dags["bank_marketing_train"]


def test_tasks_in_a_chain(dag: DAG) -> None:
    assert sorted(dag.task_ids) == sorted(CHAIN)
    for before, after in pairwise(CHAIN):
        assert after in dag.get_task(before).downstream_task_ids


def test_it_serialises_and_comes_back(dag: DAG) -> None:
    data = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    assert sorted(DagSerialization.from_dict(data).task_dict) == sorted(CHAIN)


def test_runs_only_when_asked_one_at_a_time_with_retries(dag: DAG) -> None:
    assert dag.schedule is None
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.doc_md
    assert all(task.retries >= 1 for task in dag.tasks)


def test_every_parameter_explains_itself_and_its_default_is_valid(dag: DAG) -> None:
    dag.params.validate()
    for name in dag.params:
        assert dag.params.get_param(name).schema["title"], name
    assert dag.params["data_path"] == BANK_MARKETING.url
    assert dag.params["label"] == "y"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_path", ""),
        ("label", ""),
        ("service_name", "My_Service"),
        ("service_name", "ab"),
        ("service_name", "a" * 33),
        ("service_name", "abc-"),
        ("dataset_name", "bank marketing"),
        ("experiment_name", "bank.marketing"),
        ("model_name", "-bank"),
        ("primary_metric", "AUC"),
        ("experiment_timeout_minutes", 0),
        ("experiment_timeout_minutes", 1441),
        ("iterations", 0),
        ("exclude_columns", "duration"),
        ("benchmark_requests", 0),
        ("benchmark_concurrency", 257),
        ("benchmark_max_p95_ms", 0),
    ],
)
def test_the_form_refuses(dag: DAG, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


def test_a_limit_that_cannot_be_measured_is_refused_before_the_first_task(dag: DAG) -> None:
    before_first = dag.get_task("register_dataset")._pre_execute_hook
    assert before_first is not None
    before_first({"params": {"benchmark_requests": 200, "benchmark_max_p95_ms": 5}})
    before_first({"params": {"benchmark_requests": 1, "benchmark_max_p95_ms": None}})
    with pytest.raises(InvalidRequest, match="max_p95_ms is set and requests is 199"):
        before_first({"params": {"benchmark_requests": 199, "benchmark_max_p95_ms": 5}})


def test_make_run_knows_the_limits(dag: DAG) -> None:
    assert dag.params.get_param("benchmark_requests").schema["maximum"] == MOST_REQUESTS
    assert dag.params.get_param("benchmark_concurrency").schema["maximum"] == MOST_AT_ONCE
