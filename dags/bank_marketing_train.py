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
from airflow_azureml.retry_policy import fail_fast
from azureml_workspace.records import PRIMARY_METRICS
from mlops_config.bank_marketing import BANK_MARKETING

if TYPE_CHECKING:
    from airflow.sdk import Context

ASSET_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$"
"""The rule of `validate_dataset_name` and `validate_model_name`, for the form."""

PARAMS = {
    "data_path": Param(
        BANK_MARKETING.url,
        type="string",
        minLength=1,
        title="Data",
        description="A CSV file: a path on the worker, or a URI (file, http, https, wasbs, abfs). "
        "It is stored with the DAG run, so give no password or signature in it.",
        section="Data",
    ),
    "separator": Param(
        ",", type="string", minLength=1, maxLength=2, title="Separator", description=r"\t is a tab.", section="Data"
    ),
    "encoding": Param(
        "utf-8",
        type="string",
        minLength=1,
        title="Encoding",
        description="A Python codec name; cp1252 for what older Windows programs save, utf-16, latin-1.",
        section="Data",
    ),
    "label": Param(
        BANK_MARKETING.label,
        type="string",
        minLength=1,
        title="Label column",
        description="The column to predict.",
        section="Data",
    ),
    "exclude_columns": Param(
        [],
        type="array",
        items={"type": "string"},
        title="Columns to leave out",
        description="No model sees them; for example a column that is only known after the fact, such as duration.",
        section="Data",
    ),
    "dataset_name": Param(
        BANK_MARKETING.dataset_name,
        type="string",
        pattern=ASSET_NAME,
        title="Dataset",
        description="Letters, digits, dashes, underscores and dots.",
        section="Names",
    ),
    "experiment_name": Param(
        BANK_MARKETING.experiment_name,
        type="string",
        pattern="^[A-Za-z0-9][A-Za-z0-9_-]{2,35}$",
        title="Experiment",
        description="3 to 36 letters, digits, dashes and underscores.",
        section="Names",
    ),
    "model_name": Param(
        None,
        type=["string", "null"],
        pattern=ASSET_NAME,
        title="Model",
        description="As for a dataset. Default: the dataset's name.",
        section="Names",
    ),
    "service_name": Param(
        BANK_MARKETING.service_name,
        type="string",
        pattern="^[a-z][a-z0-9-]{1,30}[a-z0-9]$",
        title="Web service",
        description="3 to 32 lowercase letters, digits and dashes, starting with a letter.",
        section="Names",
    ),
    "primary_metric": Param(
        "AUC_weighted",
        type="string",
        enum=list(PRIMARY_METRICS),
        title="Primary metric",
        description="What AutoML makes as good as it can.",
        section="AutoML",
    ),
    "experiment_timeout_minutes": Param(
        1.0,
        type="number",
        minimum=0.1,
        maximum=1440,
        title="Time limit in minutes",
        description="For the whole AutoML run.",
        section="AutoML",
    ),
    "iterations": Param(
        None,
        type=["integer", "null"],
        minimum=1,
        title="Most trials",
        description="Default: only time limits them.",
        section="AutoML",
    ),
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
    with fail_fast():
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
        primary_metric="{{ params.primary_metric }}",
        experiment_timeout_minutes="{{ params.experiment_timeout_minutes }}",
        iterations="{{ params.iterations }}",
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
