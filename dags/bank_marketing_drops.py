"""### Train on each new drop of data, and let the model through a gate

A drop is a CSV (or a folder of them) that arrives under a path with a date. Each run takes one: validates and registers
it, trains on it and on those before it, deploys the model as a candidate beside the live service, and promotes it only
when it is not worse than the model that serves, on rows that neither was trained on. Every drop, decision and promotion
is written down in the workspace.

Runs daily for the day before, for any range of days with `airflow backfill create`, for files that appear
(`bank_marketing_drop_watcher`), and by hand. A missing drop is skipped, a bad one quarantined, one that was trained on
is not trained on again. It starts paused: set `drops`, or the variable BANK_MARKETING_DROPS, first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, chain

from airflow_azureml.drop_params import drop_params, gate_params, training_window_params, validation_params
from airflow_azureml.operators.approve_promotion import AzureMLApprovePromotionOperator
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator
from airflow_azureml.operators.delete_service import AzureMLDeleteServiceOperator
from airflow_azureml.operators.deploy_candidate import AzureMLDeployCandidateOperator
from airflow_azureml.operators.gate import AzureMLGateOperator
from airflow_azureml.operators.prepare_training import AzureMLPrepareTrainingOperator
from airflow_azureml.operators.promote_model import AzureMLPromoteModelOperator
from airflow_azureml.operators.register_drop import AzureMLRegisterDropOperator
from airflow_azureml.params import (
    automl_arguments,
    automl_params,
    compute_params,
    name_params,
    reading_params,
    service_param,
)
from mlops_config.bank_marketing import BANK_MARKETING
from mlops_config.drops import DROPS, drops_schedule

schedule = drops_schedule()

MODEL = Asset(name=BANK_MARKETING.model_asset_name, uri=BANK_MARKETING.model_asset_uri)

PARAMS = {
    **drop_params(DROPS.pattern, DROPS.source_conn_id),
    **validation_params(),
    **reading_params(label=BANK_MARKETING.label),
    **name_params(dataset_name=DROPS.dataset_name, experiment_name=DROPS.experiment_name),
    "service_name": service_param(DROPS.service_name, description="The live one."),
    **training_window_params(),
    **automl_params(),
    **compute_params(),
    **gate_params(),
}

with DAG(
    dag_id="bank_marketing_drops",
    description="Validate a drop, train, let the model through the gate, promote",
    doc_md=__doc__,
    schedule=schedule and CronDataIntervalTimetable(schedule, timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    is_paused_upon_creation=True,
    params=PARAMS,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "automl", "drops"],
):
    drop = AzureMLRegisterDropOperator(
        task_id="register_drop",
        drops="{{ params.drops }}",
        drop_key="{{ params.drop_key }}",
        source_conn_id="{{ params.source_conn_id }}",
        name="{{ params.dataset_name }}",
        label_column_name="{{ params.label }}",
        separator="{{ params.separator }}",
        encoding="{{ params.encoding }}",
        validation="{{ params.validation | tojson }}",
        on_bad_drop="{{ params.on_bad_drop }}",
        accept_refused="{{ params.accept_refused }}",
    )
    prepared = AzureMLPrepareTrainingOperator(
        task_id="prepare_training",
        drop=drop.output,
        service="{{ params.service_name }}",
        window="{{ params.window }}",
        holdout_share="{{ params.holdout_share }}",
        group_columns="{{ params.group_columns | tojson }}",
        training_settings={
            **automl_arguments(),
            "exclude_columns": "{{ params.exclude_columns | tojson }}",
            "service": "{{ params.service_name }}",
            "again": "{{ run_id if params.force else '' }}",
        },
    )
    automl = AzureMLAutoMLRunOperator(
        task_id="automl_run",
        dataset=prepared.output,
        label_column_name="{{ params.label }}",
        experiment_name="{{ params.experiment_name }}",
        model_name="{{ params.model_name or params.dataset_name }}",
        **automl_arguments(),
        exclude_columns="{{ params.exclude_columns | tojson }}",
        compute_target="{{ params.compute_target }}",
        max_nodes="{{ params.max_nodes }}",
        poll_seconds=1,
    )
    candidate = AzureMLDeployCandidateOperator(
        task_id="deploy_candidate",
        model=automl.output,
        prepared=prepared.output,
        service="{{ params.service_name }}",
        allow_older="{{ params.allow_older }}",
        poll_seconds=0.5,
    )
    gate = AzureMLGateOperator(
        task_id="gate",
        candidate=candidate.output,
        prepared=prepared.output,
        service="{{ params.service_name }}",
        primary_metric="{{ params.primary_metric }}",
        rule="{{ params.rule }}",
        tolerance="{{ params.tolerance }}",
        min_metric="{{ params.min_metric }}",
        min_holdout_rows="{{ params.min_holdout_rows }}",
        cohort_columns="{{ params.cohort_columns | tojson }}",
        cohort_tolerance="{{ params.cohort_tolerance }}",
        max_p95_ms="{{ params.max_p95_ms }}",
        max_p95_ratio="{{ params.max_p95_ratio }}",
        requests="{{ params.gate_requests }}",
        allow_older="{{ params.allow_older }}",
    )
    approval = AzureMLApprovePromotionOperator(
        task_id="approve",
        gate=gate.output,
        require_approval="{{ params.require_approval }}",
    )
    promotion = AzureMLPromoteModelOperator(
        task_id="promote",
        gate=gate.output,
        require_approval="{{ params.require_approval }}",
        app_insights_enabled=True,
        outlets=[MODEL],
    )
    cleared_away = AzureMLDeleteServiceOperator(
        task_id="remove_candidate",
        candidate_of="{{ params.service_name }}",
        prepared=prepared.output,
    ).as_teardown(setups=candidate)
    chain(drop, prepared, automl, candidate, gate, approval, promotion, cleared_away)
