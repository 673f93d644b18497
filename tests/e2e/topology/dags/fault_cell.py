"""One AutoML task that waits deferred, for the fault table. The experiment's name tells one DAG run's remote runs."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator

with DAG(
    dag_id="fault_cell",
    schedule=None,
    params={"experiment": "none", "dataset": "none"},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
):
    AzureMLAutoMLRunOperator(
        task_id="automl_run",
        dataset="{{ params.dataset }}",
        label_column_name="y",
        experiment_name="{{ params.experiment }}",
        experiment_timeout_minutes=0.1,
        allowed_models=["LogisticRegression", "LightGBM"],
        poll_seconds=1,
        deferrable=True,
    )
