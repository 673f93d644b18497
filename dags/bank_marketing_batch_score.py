"""### Score the new rows of each day with the champion

A delivery of rows without labels (or with, they are left out) arrives under a path with a date. Each run scores one
through the web service and puts the answers into a Parquet partition, `service=NAME/drop=KEY/part-0.parquet`. What was
scored with the model that serves now is not scored again.

Runs daily for the day before, for any range of days with `airflow backfill create`, and by hand. A day without a file
is skipped. It starts paused: set the form's `rows` and `output_folder`, or the variables BANK_MARKETING_BATCH_ROWS and
BANK_MARKETING_BATCH_OUTPUT, first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from airflow_azureml.drop_params import drop_key_param
from airflow_azureml.operators.batch_score import AzureMLBatchScoreOperator
from airflow_azureml.params import service_param
from mlops_config.batch_scoring import batch_schedule, batch_scoring
from mlops_config.drops import DROPS

PLACES = batch_scoring()

PARAMS = {
    "rows": Param(
        PLACES.pattern,
        type="string",
        minLength=1,
        title="Rows",
        description="Pattern of the paths: {date}, {date:%Y%m%d} or {key} stands for what tells deliveries apart; a "
        "slash at the end means a folder of CSV files. A path on the worker, or a URI (file, wasbs, abfs).",
        section="Data",
    ),
    "drop_key": drop_key_param(title="Delivery", section="Data"),
    "id_columns": Param(
        [],
        type="array",
        items={"type": "string"},
        title="Columns to keep",
        description="Beside the answers, such as a client's number.",
        section="Data",
    ),
    "source_conn_id": Param(None, type=["string", "null"], title="Connection of the rows' storage", section="Data"),
    "output_folder": Param(
        PLACES.output_folder,
        type="string",
        minLength=1,
        title="Output",
        description="A folder on the worker, or a URI (wasbs, abfs).",
        section="Output",
    ),
    "output_conn_id": Param(
        None, type=["string", "null"], title="Connection of the output's storage", section="Output"
    ),
    "service_name": service_param(DROPS.service_name, description="Its model is the champion."),
}

schedule = batch_schedule()

with DAG(
    dag_id="bank_marketing_batch_score",
    description="New rows through the web service into Parquet, a partition per delivery",
    doc_md=__doc__,
    schedule=schedule and CronDataIntervalTimetable(schedule, timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    is_paused_upon_creation=True,
    params=PARAMS,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "batch"],
):
    AzureMLBatchScoreOperator(
        task_id="batch_score",
        service="{{ params.service_name }}",
        pattern="{{ params.rows }}",
        drop_key="{{ params.drop_key or ((dag_run.data_interval_start or dag_run.run_after) | ds) }}",
        id_columns="{{ params.id_columns | tojson }}",
        output_folder="{{ params.output_folder }}",
        source_conn_id="{{ params.source_conn_id }}",
        output_conn_id="{{ params.output_conn_id }}",
    )
