"""A triggerer waits for runs on Azure with short requests alone: the SDK never gets into its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.azure_server import AzureServer

from azureml_workspace.records import AutoMLSettings, ComputeTarget, DatasetSource

pytestmark = pytest.mark.integration

WATCH = """
import asyncio, json, sys, time
from airflow_azureml._run_progress import Snapshot
from airflow_azureml.triggers._workspaces import shared_workspace
from airflow_azureml.triggers.run import AzureMLRunTrigger
from airflow_azureml.triggers.service import AzureMLServiceTrigger

async def watch(run_id):
    shared = await shared_workspace("azureml_default")
    seen = await shared.call(lambda workspace: Snapshot.detailed(workspace, workspace.get_run(run_id)))
    polling = {"conn_id": "azureml_default", "deadline": time.time() + 60, "poll_seconds": 1, "outage_seconds": 30}
    events = [event.payload async for event in AzureMLRunTrigger(run_id=run_id, **polling).run()]
    events += [event.payload async for event in AzureMLServiceTrigger(service_name="not-there", **polling).run()]
    return events

events = asyncio.run(watch(sys.argv[1]))
sdk = sorted(name for name in sys.modules if name.partition(".")[0] == "azureml")
print("SEEN", json.dumps({"events": events, "sdk": sdk}))
"""


def test_no_sdk_in_the_triggerer(azure_server: AzureServer, tmp_path: Path) -> None:
    engine = azure_server.workspace()
    data = tmp_path / "rows.csv"
    data.write_text("x,y\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(60)))
    dataset = engine.register_dataset("triggered", DatasetSource(path=str(data)))
    engine.ensure_compute(ComputeTarget(name="triggered"))
    settings = AutoMLSettings(
        experiment_name="triggered",
        dataset_name=dataset.name,
        dataset_version=dataset.version,
        label_column_name="y",
        experiment_timeout_minutes=0.25,
        compute_target="triggered",
    )
    run = engine.submit_automl(settings, submission_key="triggered")
    engine.cancel_run(run.run_id)
    script = tmp_path / "watch.py"
    script.write_text(WATCH)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, str(script), run.run_id],
        env=environment
        | {
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps({"conn_type": "azureml", **azure_server.connection()}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "SEEN" in done.stdout, done.stdout + done.stderr
    seen = json.loads(done.stdout.partition("SEEN")[2])
    of_run, of_service = seen["events"]
    assert (of_run["status"], of_run["run_status"]) == ("ended", "Canceled"), of_run
    assert "not-there" in of_service["message"]
    assert seen["sdk"] == []
    assert azure_server.token not in done.stdout + done.stderr
