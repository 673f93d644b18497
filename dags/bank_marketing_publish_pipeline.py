"""### Publish the pipeline that trains the model again

Registers the data and publishes a pipeline that runs AutoML on it and registers the best model. When the pipeline is
published already, with this very definition, nothing is published. Run it once; `bank_marketing_retrain` then triggers
the pipeline on its schedule. Run it again with other values to change how the model is trained from then on.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, chain

from airflow_azureml.operators.publish_pipeline import AzureMLPublishPipelineOperator
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from airflow_azureml.params import automl_arguments, automl_params, data_params, name_params, pipeline_param
from mlops_config.bank_marketing import BANK_MARKETING

with DAG(
    dag_id="bank_marketing_publish_pipeline",
    description="Register, publish the training pipeline",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={
        **data_params(data_path=BANK_MARKETING.url, label=BANK_MARKETING.label),
        "pipeline_name": pipeline_param(BANK_MARKETING.pipeline_name),
        **name_params(dataset_name=BANK_MARKETING.dataset_name, experiment_name=BANK_MARKETING.experiment_name),
        **automl_params(),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "automl", "pipeline"],
):
    dataset = AzureMLRegisterDatasetOperator(
        task_id="register_dataset",
        data="{{ params.data_path }}",
        name="{{ params.dataset_name }}",
        separator="{{ params.separator }}",
        encoding="{{ params.encoding }}",
        label_column_name="{{ params.label }}",
    )
    pipeline = AzureMLPublishPipelineOperator(
        task_id="publish_pipeline",
        name="{{ params.pipeline_name }}",
        dataset=dataset.output,
        label_column_name="{{ params.label }}",
        experiment_name="{{ params.experiment_name }}",
        model_name="{{ params.model_name or params.dataset_name }}",
        **automl_arguments(),
        exclude_columns="{{ params.exclude_columns | tojson }}",
    )
    chain(dataset, pipeline)
