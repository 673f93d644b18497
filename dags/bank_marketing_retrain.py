"""### Train the model again, every four hours

Triggers the published pipeline by its REST endpoint, waits without holding a worker, and shows the new model's metrics
next to those of the model that the web service serves. Nothing is deployed. The asset `bank-marketing-model` gets an
event that names the new version, so that other DAGs may be scheduled on it.

Run `bank_marketing_publish_pipeline` once before the first run. This DAG starts paused for that reason.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, chain

from airflow_azureml.operators.compare_models import AzureMLCompareModelsOperator
from airflow_azureml.operators.trigger_pipeline import AzureMLTriggerPipelineOperator
from airflow_azureml.params import automl_override_params, experiment_override_param, pipeline_param, service_param
from mlops_config.bank_marketing import BANK_MARKETING
from mlops_config.retraining import retrain_schedule

MODEL = Asset(name=BANK_MARKETING.model_asset_name, uri=BANK_MARKETING.model_asset_uri)

schedule = retrain_schedule()

with DAG(
    dag_id="bank_marketing_retrain",
    description="Trigger the published pipeline, compare its model with the one that serves",
    doc_md=__doc__,
    schedule=schedule and CronTriggerTimetable(schedule, timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    # Beyond what AutoML may be given (a day) and half an hour for the queue: the task's own limit is closer, and says
    # why it ended a run. Tries after a lost worker share that limit; one that begins a new run may be ended by this.
    dagrun_timeout=timedelta(hours=26),
    params={
        "pipeline_name": pipeline_param(BANK_MARKETING.pipeline_name),
        "experiment_name": experiment_override_param(),
        "service_name": service_param(BANK_MARKETING.service_name, description="Whose model is the champion."),
        "dataset_version": Param(
            "latest",
            type="string",
            pattern="^(latest|[1-9][0-9]{0,8})$",
            title="Dataset version",
            description="A number, or latest: whichever that is when the pipeline is triggered.",
            section="Data",
        ),
        **automl_override_params(),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "automl", "pipeline"],
):
    run = AzureMLTriggerPipelineOperator(
        task_id="trigger_pipeline",
        pipeline="{{ params.pipeline_name }}",
        experiment_name="{{ params.experiment_name }}",
        parameters={
            "dataset_version": "{{ params.dataset_version }}",
            "experiment_timeout_minutes": "{{ params.experiment_timeout_minutes }}",
            "iterations": "{{ params.iterations }}",
        },
        deferrable=True,
    )
    comparison = AzureMLCompareModelsOperator(
        task_id="compare_models",
        model=run.output,
        service="{{ params.service_name }}",
        outlets=[MODEL],
    )
    chain(run, comparison)
