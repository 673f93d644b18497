"""A batch in a process of its own, to be killed: `python batch_in_a_process.py SERVICE DATA FOLDER`."""

from __future__ import annotations

import sys

import tests.airflow_home  # noqa: F401  # before Airflow is imported

# isort: split
from airflow.sdk.bases.operator import ExecutorSafeguard
from tests.integration.after_deployment.conftest import task_context

from airflow_azureml.operators.batch_score import AzureMLBatchScoreOperator

if __name__ == "__main__":
    ExecutorSafeguard.test_mode = True
    service, data, folder = sys.argv[1:]
    task = AzureMLBatchScoreOperator(
        task_id="score", service=service, data=data, output_folder=folder, rows_per_request=1
    )
    task.execute(task_context())
