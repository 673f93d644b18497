"""DAGs with one AutoML task, for tests of what Airflow does to one that waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator

SOON = timedelta(seconds=1)

VARIANTS: dict[str, dict[str, Any]] = {
    "waits_deferred": {"deferrable": True, "retries": 1, "retry_delay": SOON},
    "waits_in_worker": {"deferrable": False, "retries": 1, "retry_delay": SOON},
    "waits_briefly": {"deferrable": True, "execution_timeout": timedelta(seconds=40)},
    "waits_in_a_late_run": {"deferrable": True},
    "waits_mapped": {"deferrable": True, "retries": 1, "retry_delay": SOON},
}
LATE = {"waits_in_a_late_run": timedelta(seconds=60)}

for dag_id, given in VARIANTS.items():
    with DAG(
        dag_id,
        schedule=None,
        params={"experiment": Param("wait", type="string")},
        default_args=given,
        dagrun_timeout=LATE.get(dag_id),
    ):
        arguments: dict[str, Any] = {
            "task_id": "automl",
            "dataset": "waiting",
            "label_column_name": "y",
            "experiment_timeout_minutes": 5,
            "model_name": "waiting",
            "poll_seconds": 1,
            "max_nodes": 8,
        }
        if dag_id == "waits_mapped":
            AzureMLAutoMLRunOperator.partial(**arguments).expand(experiment_name=["wait", "wait"])
        else:
            AzureMLAutoMLRunOperator(experiment_name="{{ params.experiment }}", **arguments)
