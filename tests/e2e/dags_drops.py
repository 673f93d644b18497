"""A DAG in the place of the one that trains on a drop, and a watcher that is quicker than the project's."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_azureml._drop_storage import storage_of
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.operators.scan_drops import AzureMLScanDropsOperator
from airflow_azureml.triggers.drops import AzureMLDropsTrigger
from azureml_drops.pattern import DropPattern
from mlops_config.drops import DROPS

LOCAL = os.environ["TEST_LOCAL_DROPS"]


@task
def settle(pattern: str, dataset: str, conn_id: str | None, params: dict[str, Any] | None = None) -> None:
    """Read the drop and note an end of it."""
    from azureml_drops.fetching import fetch_drop
    from azureml_drops.finding import find_drop
    from azureml_drops.ledger import DropEvent, DropStatus, note, note_seen, now
    from azureml_drops.transfer import DownloadLimits

    assert params is not None
    parsed, key = DropPattern.parse(pattern), params["drop_key"]
    storage = storage_of(parsed, conn_id)
    found = find_drop(parsed, storage, key)
    assert found is not None
    with TemporaryDirectory() as folder:
        limits = DownloadLimits(max_bytes=1_000_000, seconds=60)
        fetched = fetch_drop(parsed, found, storage, Path(folder), limits=limits)
    workspace = AzureMLHook().workspace
    event = DropEvent(status=DropStatus.REJECTED, at=now(), fingerprint=fetched.fingerprint)
    note(workspace, dataset, key, event)
    note_seen(workspace, dataset, key, found.content_state, fetched.fingerprint)


with DAG(DROPS.dag_id, schedule=None, params={"drop_key": None}):
    settle(DROPS.pattern, DROPS.dataset_name, DROPS.source_conn_id)

with DAG("local_drops", schedule=None, params={"drop_key": None}):
    settle(LOCAL, "local-drops", None)

TRIGGER = AzureMLDropsTrigger(pattern=LOCAL, dataset="local-drops", poll_seconds=1, settle_seconds=0, repeat_seconds=20)


@task
def list_runs(scanned: Any) -> list[dict[str, Any]]:
    return [{"trigger_run_id": drop["run_id"], "conf": {"drop_key": drop["key"]}} for drop in scanned["pending"]]


with DAG(
    "local_drop_watcher",
    schedule=[Asset("local-drops", watchers=[AssetWatcher(name="drops", trigger=TRIGGER)])],
    max_active_runs=1,
):
    scan = AzureMLScanDropsOperator(
        task_id="scan_drops", drops=LOCAL, name="local-drops", run_dag_id="local_drops", settle_seconds=0
    )
    TriggerDagRunOperator.partial(
        task_id="start_runs", trigger_dag_id="local_drops", logical_date=None, skip_when_already_exists=True
    ).expand_kwargs(list_runs(scan.output))
