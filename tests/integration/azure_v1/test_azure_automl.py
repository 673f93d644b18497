"""AutoML runs of the Azure adapter, on a local Azure ML: what the contract does not show."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.azure_server import AzureServer
from tests.contract.conftest import LABEL, write_rows
from tests.local_server import eventually

from azureml_local.jobs.files import PID_FILE
from azureml_local.paths import Home
from azureml_workspace.azure_v1.rest import AzureRest
from azureml_workspace.azure_v1.sdk_process import SdkProcess
from azureml_workspace.azure_v1.submissions import KEY_PROPERTY, MARKERS, properties_of
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.records import AutoMLSettings, ComputeTarget, DatasetSource
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration

COMPUTE = "azure-automl"


@pytest.fixture(scope="module")
def workspace(azure_server: AzureServer) -> AzureWorkspace:
    opened = azure_server.azure_workspace()
    assert isinstance(opened, AzureWorkspace)
    opened.ensure_compute(ComputeTarget(name=COMPUTE))
    return opened


@pytest.fixture(scope="module")
def settings(workspace: AzureWorkspace, tmp_path_factory: pytest.TempPathFactory) -> AutoMLSettings:
    """Ten of the rows have no label."""
    path = tmp_path_factory.mktemp("azure-automl") / "shop.csv"
    write_rows(path, 210)
    header, *rows = path.read_text().splitlines()
    unlabelled = [row.rpartition(",")[0] + "," for row in rows[:10]]
    path.write_text("\n".join([header, *unlabelled, *rows[10:]]) + "\n")
    dataset = workspace.register_dataset("azure-automl-shop", DatasetSource(path=str(path)))
    return AutoMLSettings(
        experiment_name="azure-automl",
        dataset_name=dataset.name,
        dataset_version=dataset.version,
        label_column_name=LABEL,
        experiment_timeout_minutes=0.5,
        iterations=1,
        allowed_models=("LogisticRegression",),
        exclude_columns=("price",),
        n_cross_validations=3,
        compute_target=COMPUTE,
    )


def _completed(workspace: AzureWorkspace, run_id: str) -> None:
    eventually(lambda: workspace.get_run(run_id).status.is_terminal, seconds=120, what="the end of the run")
    assert workspace.get_run(run_id).status is RunStatus.COMPLETED


def test_settings_reach_the_engine_and_its_result_comes_back(
    azure_server: AzureServer, workspace: AzureWorkspace, settings: AutoMLSettings
) -> None:
    run = workspace.submit_automl(settings, submission_key="azure-automl-whole")
    _completed(workspace, run.run_id)
    told, original = workspace.automl_result(run.run_id), azure_server.workspace().automl_result(run.run_id)
    assert told.metrics == pytest.approx(original.metrics)
    assert (told.rows_used, told.rows_dropped) == (original.rows_used, original.rows_dropped) == (200, 10)
    assert (told.classes, told.child_runs) == (original.classes, 1)
    assert told.best_algorithm == "LogisticRegression"
    assert told.validation.startswith("3-fold cross-validation")
    # A severity of its own is lost: Azure's guardrails know "alerted" and "done". And one is found after the export.
    noticed = {(finding.guard, finding.message, finding.columns) for finding in original.findings}
    assert {(finding.guard, finding.message, finding.columns) for finding in told.findings} <= noticed
    assert {"missing_label", "excluded_column"} <= {finding.guard for finding in told.findings}
    (trial,) = workspace.list_child_runs(run.run_id)
    (of_engine,) = azure_server.workspace().list_child_runs(run.run_id)
    assert trial.parameters == of_engine.parameters
    assert trial.duration_seconds == pytest.approx(of_engine.duration_seconds, abs=0.01)


def test_azure_is_not_kept_from_what_onnx_cannot_do(
    azure_server: AzureServer, workspace: AzureWorkspace, settings: AutoMLSettings
) -> None:
    """Our server serves ONNX whatever is asked; Azure's AutoML would leave out the stack ensemble and more."""
    run = workspace.submit_automl(settings, submission_key="azure-automl-whole")
    asked = json.loads(workspace._history.get(run.run_id).properties["AMLSettingsJsonString"])
    assert asked["enable_onnx_compatible_models"] is False
    assert asked["enable_feature_sweeping"] is True
    _completed(workspace, run.run_id)
    assert "outputs/model.onnx" in azure_server.workspace().list_run_files(run.run_id)


def test_a_poll_is_one_request_and_never_the_sdk(
    workspace: AzureWorkspace, settings: AutoMLSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.submit_automl(settings, submission_key="azure-automl-whole")
    _completed(workspace, run.run_id)
    asked: list[str] = []
    call = AzureRest.call

    def counted(rest: AzureRest, method: str, url: str, **request: Any) -> requests.Response:
        asked.append(f"{method} {url.rpartition('/workspaces/')[2]}")
        return call(rest, method, url, **request)

    def no_sdk(*_: Any, **__: Any) -> None:
        raise AssertionError("the SDK was started")

    monkeypatch.setattr(AzureRest, "call", counted)
    monkeypatch.setattr(SdkProcess, "call", no_sdk)
    assert workspace.get_run(run.run_id).status is RunStatus.COMPLETED
    assert asked == [f"GET local/runs/{run.run_id}"]
    asked.clear()
    assert workspace.automl_progress(run.run_id).trials_done == 1
    assert len(asked) == 2, asked
    asked.clear()
    assert workspace.list_child_runs(run.run_id)[0].metrics
    assert len(asked) == 3, asked
    assert workspace.automl_result(run.run_id).metrics


def test_a_crash_after_the_submission_does_not_lose_the_run(
    workspace: AzureWorkspace, settings: AutoMLSettings
) -> None:
    key = "azure-automl-crash"
    run = workspace.submit_automl(settings, submission_key=key)
    marker = f"submission-{properties_of(key)['airflow.submission_id']}"
    assert workspace.get_run(marker).properties == {KEY_PROPERTY: key}
    workspace._history.write(MARKERS, marker, {"tags": {"submitted_run": "pending"}})  # as it was before
    found = workspace.find_run(key)
    assert found is not None
    assert found.run_id == run.run_id
    assert workspace.submit_automl(settings, submission_key=key).run_id == run.run_id
    workspace.cancel_run(run.run_id)


def test_a_run_that_fails_says_why(
    azure_server: AzureServer, workspace: AzureWorkspace, settings: AutoMLSettings
) -> None:
    key = "azure-automl-killed"
    long = replace(settings, iterations=None, experiment_timeout_minutes=5, allowed_models=())
    run = workspace.submit_automl(long, submission_key=key)
    pid_file = Home(azure_server.home).run(run.run_id) / PID_FILE
    pid = eventually(lambda: pid_file.is_file() and json.loads(pid_file.read_text())["pid"], what="the job")
    os.killpg(pid, signal.SIGKILL)
    eventually(lambda: workspace.get_run(run.run_id).status.is_terminal, what="the end of the run")
    ended = workspace.get_run(run.run_id)
    assert ended.status is RunStatus.FAILED
    assert "the job ended without a result" in ended.error
    with pytest.raises(RunFailed, match="without a result"):
        workspace.automl_result(run.run_id)
    assert workspace.find_run(key) is None


def test_a_refused_submission_leaves_no_run(workspace: AzureWorkspace, settings: AutoMLSettings) -> None:
    refused = AutoMLSettings.from_dict({**settings.to_dict(), "label_column_name": "visits", "allowed_models": ["KNN"]})
    with pytest.raises(InvalidRequest, match="KNN"):
        workspace.submit_automl(refused, submission_key="azure-automl-refused")
    assert workspace.find_run("azure-automl-refused") is None


def test_a_run_of_another_kind_is_no_automl_run(workspace: AzureWorkspace) -> None:
    workspace._history.write("azure-automl", "a-script-run", {"status": "Running"})
    assert workspace.get_run("a-script-run").status is RunStatus.RUNNING
    for call in (workspace.automl_progress, workspace.automl_result, workspace.list_child_runs):
        with pytest.raises(InvalidRequest, match="no AutoML run"):
            call("a-script-run")
    with pytest.raises(NotFound):
        workspace.read_run_file("a-script-run", "outputs/model.pkl")


def test_a_created_run_waits_for_its_start_through_a_restart(tmp_path: Path) -> None:
    server = AzureServer(tmp_path / "home", state_dir=tmp_path / "sdk")
    try:
        workspace = _opened(server.start())
        path = tmp_path / "a.csv"
        write_rows(path, 200)
        workspace.register_dataset("shop", DatasetSource(path=str(path)))
        workspace.ensure_compute(ComputeTarget(name=COMPUTE))
        azure = workspace._azure
        experiment = azure.json("POST", "history", "/experiments/created", body={})["experimentId"]
        place, body = f"/experimentids/{experiment}", _creation(workspace)
        run_id, cancelled = (azure.json("POST", "jasmine", f"{place}/run", body=body) for _ in range(2))
        assert workspace.get_run(run_id).status is RunStatus.NOT_STARTED
        workspace.cancel_run(cancelled)
        assert workspace.get_run(cancelled).status is RunStatus.CANCELED

        server.terminate()
        workspace = _opened(server.start())
        azure = workspace._azure
        assert workspace.get_run(run_id).status is RunStatus.NOT_STARTED
        assert workspace.get_run(cancelled).status is RunStatus.CANCELED
        for _ in range(2):  # the second is a repeat
            started = azure.json("POST", "jasmine", f"{place}/runs/{run_id}/submitSnapshotRun", body={})
            assert started == {"runId": run_id}
        with pytest.raises(Conflict):
            azure.json("POST", "jasmine", f"{place}/runs/{cancelled}/submitSnapshotRun", body={})
        of_engine = server.request("GET", "/v1/runs").json()
        assert [run["run_id"] for run in of_engine] == [run_id]
        assert workspace.get_run(run_id).properties["origin"] == "a test"
        workspace.cancel_run(run_id)
    finally:
        server.stop()


def _opened(server: AzureServer) -> AzureWorkspace:
    workspace = server.azure_workspace()
    assert isinstance(workspace, AzureWorkspace)
    return workspace


def _creation(workspace: AzureWorkspace) -> dict[str, Any]:
    """The request by which the SDK creates a run."""
    saved = workspace._azure.json("GET", "dataset", "/datasets/query/name=shop")["latest"]["savedDatasetId"]
    settings = {
        "task_type": "classification",
        "primary_metric": "AUC_weighted",
        "label_column_name": LABEL,
        "experiment_timeout_minutes": 15,
    }
    return {
        "target": COMPUTE,
        "properties": {"origin": "a test"},
        "amlSettingsJsonString": json.dumps(settings),
        "dataPrepJsonString": json.dumps({"training_data": {"datasetId": saved}, "datasets": 0}),
    }
