"""### Watch the web service, every six hours

Compares what clients sent lately (Application Insights keeps a sample) with the training data of the model that
serves, looks at errors and latency, and holds the model's metric on the newest labelled rows to a floor. Each look is
kept as a document with every figure and a reason. On drift, or below the floor, the training DAG is triggered, not more
often than the cool-down allows.

This DAG starts paused. Switch it on when the service has clients, and `bank_marketing_drops` as well.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, chain, task

from airflow_azureml.operators.monitor_service import AzureMLMonitorServiceOperator
from airflow_azureml.params import service_param
from mlops_config.drops import DROPS
from mlops_config.monitoring import MONITORING, monitor_schedule

PARAMS = {
    "service_name": service_param(DROPS.service_name),
    "window_hours": Param(
        MONITORING.window_hours, type="number", exclusiveMinimum=0, maximum=2160, title="Hours", section="Drift"
    ),
    "min_rows": Param(
        MONITORING.min_rows,
        type="integer",
        minimum=20,
        title="Rows needed",
        description="Of the sample of inputs; with fewer nothing is said of drift.",
        section="Drift",
    ),
    "max_psi": Param(
        MONITORING.max_psi, type=["number", "null"], minimum=0, title="Greatest PSI of a column", section="Drift"
    ),
    "ignore_columns": Param(
        [], type="array", items={"type": "string"}, title="Columns that may drift", section="Drift"
    ),
    "min_metric": Param(
        MONITORING.min_metric,
        type=["number", "null"],
        minimum=-1,
        maximum=1,
        title="Floor of the metric",
        description="Of the model that serves, on the newest labelled holdout of the gate. Default: none.",
        section="Quality",
    ),
    "max_p95_ms": Param(
        None, type=["number", "null"], exclusiveMinimum=0, title="Greatest p95 in ms", section="Quality"
    ),
    "retrain_dag_id": Param(
        MONITORING.retrain_dag_id,
        type=["string", "null"],
        title="DAG that trains",
        description="Triggered on drift or below the floor. Empty: none.",
        section="Retraining",
    ),
    "retrain_conf": Param(dict(MONITORING.retrain_conf), type="object", title="Its parameters", section="Retraining"),
    "cooldown_hours": Param(
        MONITORING.cooldown_hours,
        type="number",
        minimum=0,
        title="Cool-down in hours",
        description="For so long after one training none other is triggered.",
        section="Retraining",
    ),
}

schedule = monitor_schedule()

with DAG(
    dag_id="bank_marketing_monitor",
    description="Drift, errors and quality of the web service; triggers training",
    doc_md=__doc__,
    schedule=schedule and CronTriggerTimetable(schedule, timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params=PARAMS,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "monitoring"],
):
    look = AzureMLMonitorServiceOperator(
        task_id="monitor",
        service="{{ params.service_name }}",
        window_hours="{{ params.window_hours }}",
        min_rows="{{ params.min_rows }}",
        max_psi="{{ params.max_psi }}",
        ignore_columns="{{ params.ignore_columns | tojson }}",
        max_p95_ms="{{ params.max_p95_ms }}",
        min_metric="{{ params.min_metric }}",
        retrain_dag_id="{{ params.retrain_dag_id }}",
        retrain_conf="{{ params.retrain_conf | tojson }}",
        retrain_cooldown_hours="{{ params.cooldown_hours }}",
    )

    @task.short_circuit(task_id="retraining_is_asked_for")
    def is_asked(found: dict[str, Any]) -> bool:
        """Whether this look asked for a new training."""
        return bool(found["retrain"])

    retrain = TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id="{{ ti.xcom_pull(task_ids='monitor')['retrain_dag_id'] }}",
        trigger_run_id="{{ ti.xcom_pull(task_ids='monitor')['retrain_run_id'] }}",
        conf="{{ params.retrain_conf | tojson }}",  # type: ignore[arg-type]  # text is read as JSON
        logical_date=None,
        # A retry finds the run that the first try triggered.
        skip_when_already_exists=True,
        # Without it the run would wait, and the cool-down pass, until somebody sees that the DAG is paused.
        fail_when_dag_is_paused=True,
    )
    chain(look, is_asked(look.output), retrain)  # type: ignore[arg-type]  # the output when it runs
