"""A DAG that registers a drop, prepares its training, trains, and says that the gate refused the model."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.prepare_training import AzureMLPrepareTrainingOperator
from airflow_azureml.operators.register_drop import AzureMLRegisterDropOperator


@task
def refuse(training: dict[str, Any], trained: dict[str, Any], *, dag_run: Any = None) -> None:
    """What the tasks after this one do."""
    from azureml_drops.ledger import DropEvent, DropStatus, note, now
    from azureml_drops.training_claim import finish_training

    workspace, by = AzureMLHook().workspace, f"{dag_run.dag_id}/{dag_run.run_id}"
    model = {"model_name": trained["model"]["name"], "model_version": trained["model"]["version"]}
    finish_training(workspace, training["dataset"], training["training_key"], **model, by=by)
    event = DropEvent(status=DropStatus.REJECTED, at=now(), by=by, **model)
    note(workspace, training["dataset"], training["drop_key"], event)


with DAG(
    "of_drops",
    schedule=None,
    params={
        "drops": Param("", type="string"),
        "drop_key": Param(None, type=["null", "string"]),
        "validation": Param({}, type="object"),
    },
):
    drop = AzureMLRegisterDropOperator(
        task_id="register_drop",
        drops="{{ params.drops }}",
        name="of-drops",
        drop_key="{{ params.drop_key }}",
        label_column_name="y",
        validation="{{ params.validation | tojson }}",
    )
    training = AzureMLPrepareTrainingOperator(
        task_id="prepare_training", drop=drop.output, service="of-drops", window="all"
    )
    automl = AzureMLAutoMLRunOperator(
        task_id="automl_run",
        dataset=training.output,
        label_column_name="{{ ti.xcom_pull('prepare_training')['label'] }}",
        experiment_name="of-drops",
        iterations=1,
        experiment_timeout_minutes=0.2,
        poll_seconds=0.2,
    )
    refuse(training.output, automl.output)
