"""### From a CSV to a benchmarked web service

Registers the data, runs AutoML, deploys the best model as a key-protected web service, switches Application Insights
on, smoke-tests the service and loads it. *Trigger* opens a form: point it at another CSV and label to run the same on
your own data.

The connection `azureml_default` says which workspace is used: Azure ML, or the local server that plays it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, chain

from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.benchmark_endpoint import AzureMLBenchmarkEndpointOperator, require_samples
from airflow_azureml.operators.deploy_model import AzureMLDeployModelOperator
from airflow_azureml.operators.enable_insights import AzureMLEnableInsightsOperator
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator
from airflow_azureml.operators.smoke_score import AzureMLSmokeScoreOperator
from airflow_azureml.params import automl_arguments, automl_params, data_params, name_params, service_param
from mlops_config.bank_marketing import BANK_MARKETING

if TYPE_CHECKING:
    from airflow.sdk import Context

PARAMS = {
    **data_params(data_path=BANK_MARKETING.url, label=BANK_MARKETING.label),
    **name_params(dataset_name=BANK_MARKETING.dataset_name, experiment_name=BANK_MARKETING.experiment_name),
    "service_name": service_param(BANK_MARKETING.service_name),
    **automl_params(),
    "benchmark_requests": Param(
        2000, type="integer", minimum=1, maximum=1_000_000, title="Requests", section="Benchmark"
    ),
    "benchmark_concurrency": Param(
        4,
        type="integer",
        minimum=1,
        maximum=256,
        title="At once",
        description="At most as many as there are requests.",
        section="Benchmark",
    ),
    "benchmark_max_p95_ms": Param(
        None,
        type=["number", "null"],
        exclusiveMinimum=0,
        title="Greatest p95 in ms",
        description="The run fails when the 95th percentile is above. Default: any; needs 200 requests.",
        section="Benchmark",
    ),
}


def refuse_what_cannot_be_measured(context: Context) -> None:
    """Before the first task: no limit of a single Param says it, and the task that would is the last."""
    params = context["params"]
    require_samples(params["benchmark_requests"], {"max_p95_ms": params["benchmark_max_p95_ms"]})


with DAG(
    dag_id="bank_marketing_train",
    description="Register, AutoML, deploy, insights, smoke test, benchmark",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "automl", "train"],
):
    dataset = AzureMLRegisterDatasetOperator(
        task_id="register_dataset",
        pre_execute=refuse_what_cannot_be_measured,
        data="{{ params.data_path }}",
        name="{{ params.dataset_name }}",
        separator="{{ params.separator }}",
        encoding="{{ params.encoding }}",
        label_column_name="{{ params.label }}",
    )
    automl = AzureMLAutoMLRunOperator(
        task_id="automl_run",
        dataset=dataset.output,
        label_column_name="{{ params.label }}",
        experiment_name="{{ params.experiment_name }}",
        model_name="{{ params.model_name or params.dataset_name }}",
        **automl_arguments(),
        exclude_columns="{{ params.exclude_columns | tojson }}",
        poll_seconds=1,
    )
    deploy = AzureMLDeployModelOperator(
        task_id="deploy",
        model=automl.output,
        service_name="{{ params.service_name }}",
        poll_seconds=0.5,
    )
    insights = AzureMLEnableInsightsOperator(task_id="enable_insights", service=deploy.output)
    smoke = AzureMLSmokeScoreOperator(
        task_id="smoke_score",
        service=deploy.output,
        dataset=dataset.output,
        label_column_name="{{ params.label }}",
    )
    benchmark = AzureMLBenchmarkEndpointOperator(
        task_id="benchmark",
        service=deploy.output,
        requests="{{ params.benchmark_requests }}",
        concurrency="{{ params.benchmark_concurrency }}",
        max_p95_ms="{{ params.benchmark_max_p95_ms }}",
    )
    chain(dataset, automl, deploy, insights, smoke, benchmark)
