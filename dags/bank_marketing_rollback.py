"""### Go back to an earlier model

The web service serves an earlier model version again, without losing a request: the champion before the present one, or
the version that you name. It is smoke-tested; when it fails, the present model is put back and the task fails. The
champion history keeps who went back, and why.

Each run goes back once. Start it again to go back further.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_azureml.operators.rollback import AzureMLRollbackOperator
from airflow_azureml.params import service_param
from mlops_config.drops import DROPS

with DAG(
    dag_id="bank_marketing_rollback",
    description="Serve an earlier model again",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={
        "service_name": service_param(DROPS.service_name, description="Which goes back."),
        "to_version": Param(
            None,
            type=["integer", "null"],
            minimum=1,
            title="Model version",
            description="Default: the champion before the present one.",
            section="Names",
        ),
        "reason": Param(
            "by hand", type="string", minLength=1, maxLength=500, title="Reason", description="For the history."
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "gate"],
):
    AzureMLRollbackOperator(
        task_id="roll_back",
        service="{{ params.service_name }}",
        to_version="{{ params.to_version }}",
        reason="{{ params.reason }}",
    )
