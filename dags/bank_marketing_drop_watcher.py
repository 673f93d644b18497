"""### Start a run for each drop that appears

A watcher in Airflow's triggerer looks under the path pattern every half minute and tells the asset
`bank-marketing-drops` when a drop is there that nobody has brought to an end. This DAG then looks itself, and starts
`bank_marketing_drops` once for each such drop, whatever its key and however many came at once. A file that is written
again gets another run, which finds out whether its content is another.

It starts paused: switch it on for data that comes irregularly. For daily drops the schedule of `bank_marketing_drops`
is enough; both together do no harm, because a drop is trained on once. *Trigger* looks at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetWatcher, Param, task

from airflow_azureml.operators.scan_drops import MOST_STARTED, AzureMLScanDropsOperator
from airflow_azureml.triggers.drops import AzureMLDropsTrigger
from mlops_config.drops import DROPS

ARRIVED = Asset(
    name=DROPS.asset_name,
    uri=DROPS.asset_uri,
    watchers=[
        AssetWatcher(
            name="drops",
            trigger=AzureMLDropsTrigger(
                pattern=DROPS.pattern, dataset=DROPS.dataset_name, source_conn_id=DROPS.source_conn_id
            ),
        )
    ],
)


@task
def list_runs(scanned: Any) -> list[dict[str, Any]]:
    """The arguments of the operator that starts a run, for each pending drop."""
    return [{"trigger_run_id": drop["run_id"], "conf": {"drop_key": drop["key"]}} for drop in scanned["pending"]]


with DAG(
    dag_id="bank_marketing_drop_watcher",
    description="See drops appear, start a run for each",
    doc_md=__doc__,
    schedule=[ARRIVED],
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params={
        "max_drops": Param(
            100,
            type="integer",
            minimum=1,
            maximum=MOST_STARTED,
            title="Runs to start",
            description="At most, for the drops with the lowest keys; the next run starts others.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["azureml", "automl", "drops"],
):
    scan = AzureMLScanDropsOperator(
        task_id="scan_drops",
        drops=DROPS.pattern,
        name=DROPS.dataset_name,
        run_dag_id=DROPS.dag_id,
        source_conn_id=DROPS.source_conn_id,
        max_drops="{{ params.max_drops }}",
    )
    TriggerDagRunOperator.partial(
        task_id="start_runs",
        trigger_dag_id=DROPS.dag_id,
        logical_date=None,
        skip_when_already_exists=True,
        map_index_template="{{ task.conf['drop_key'] }}",
    ).expand_kwargs(list_runs(scan.output))
