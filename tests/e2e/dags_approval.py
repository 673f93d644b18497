"""DAGs that ask a person about a decision of the gate, for tests of what they answer."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, chain

from airflow_azureml.operators.approve_promotion import AzureMLApprovePromotionOperator

VARIANTS = {"asks_a_person": timedelta(hours=1), "asks_a_person_briefly": timedelta(seconds=10)}

for dag_id, response_timeout in VARIANTS.items():
    with DAG(
        dag_id,
        schedule=None,
        params={"decision": Param("", type="string"), "required": Param(True, type="boolean")},
    ):
        approve = AzureMLApprovePromotionOperator(
            task_id="approve",
            gate="{{ params.decision }}",
            require_approval="{{ params.required }}",
            response_timeout=response_timeout,
        )
        chain(approve, EmptyOperator(task_id="promote"))
