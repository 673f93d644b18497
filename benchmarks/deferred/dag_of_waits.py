"""As many deferred AutoML tasks as the variable DEFERRED_WAITS says, all of one DAG run."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator

WAITS = int(os.environ["DEFERRED_WAITS"])

with DAG("deferred_waits", schedule=None, max_active_tasks=WAITS):
    AzureMLAutoMLRunOperator.partial(
        task_id="automl",
        dataset="waiting",
        label_column_name="y",
        experiment_name="deferred-waits",
        experiment_timeout_minutes=60,
        max_nodes=WAITS,
        deferrable=True,
    ).expand(seed=list(range(WAITS)))
