"""The job as the server starts it: a process, its files, its end."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import psutil
import pytest
from tests.automl_data import LABEL, customers, schema_of, settings_for

from azureml_local.features.rows import encode_rows
from azureml_local.features.spec import EncoderSpec, ModelSignature
from azureml_workspace.records import AutoMLResult, ChildRun

pytestmark = pytest.mark.integration

EXPECTED = {
    "model.onnx", "model.pkl", "signature.json", "encoder.json", "scoring_file.py", "conda_env.yml", "metrics.json",
    "evaluation.json", "explanation.json", "cohorts.json", "data_guard.json",
}  # fmt: skip


def prepare_run(folder: Path, frame: pd.DataFrame, **changes: object) -> Path:
    """A run folder with its `job.json`, as the server makes it."""
    folder.mkdir()
    frame.to_parquet(folder / "data.parquet")
    job = {
        "run_id": "AutoML_7",
        "data_path": str(folder / "data.parquet"),
        "columns": [column.to_dict() for column in schema_of(frame)],
        "settings": settings_for(**changes).to_dict(),
        "cores": 2,
    }
    (folder / "job.json").write_text(json.dumps(job))
    return folder


def start(folder: Path) -> subprocess.Popen[bytes]:
    """The job in its own session, its log in job.log."""
    with (folder / "job.log").open("wb") as log:
        command = [sys.executable, "-m", "azureml_local.automl", str(folder)]
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def group_members(group: int) -> list[psutil.Process]:
    """Processes of a process group that still run."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


def wait_until(condition: Any, what: str, seconds: float = 60.0) -> None:
    """Poll until `condition()` holds. :raises AssertionError: it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a completed run."""
    frame = customers(rows=300)
    frame["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300) * 7 % 200, unit="h")
    frame["member"] = pd.Series([True, False, None] * 100, dtype=object)
    frame["row"] = range(300)
    frame["nothing"] = pd.Series([None] * 300, dtype="float64")
    frame["income"] = [str(i % 90) if i % 10 else "n/a" for i in range(300)]
    frame.loc[:4, LABEL] = None
    folder = tmp_path_factory.mktemp("job") / "run"
    frame_columns = frame.assign(member=frame["member"].astype("boolean"))
    prepare_run(folder, frame_columns, allowed_models=("LightGBM", "LogisticRegression"), iterations=3)
    process = start(folder)
    assert process.wait(timeout=120) == 0, (folder / "job.log").read_text()
    wait_until(lambda: not group_members(process.pid), "processes of a completed job stay", 10)
    return folder


def test_a_completed_job_leaves_exactly_its_files(completed: Path) -> None:
    assert {path.name for path in (completed / "outputs").iterdir()} == EXPECTED
    assert not list(completed.rglob(".tmp-*"))
    result = json.loads((completed / "result.json").read_text())
    assert result["status"] == "Completed"
    record = AutoMLResult.from_dict(result["result"])
    assert (record.run_id, record.rows_used, record.rows_dropped) == ("AutoML_7", 295, 5)
    findings = json.loads((completed / "outputs/data_guard.json").read_text())["findings"]
    assert {finding["guard"] for finding in findings} >= {
        "missing_label", "id_like_column", "missing_values", "all_null_column", "mixed_types",
    }  # fmt: skip
    metrics = json.loads((completed / "outputs/metrics.json").read_text())
    assert metrics["metrics"] == record.metrics
    assert metrics["validation"] == record.validation
    assert len(metrics["children"]) == record.child_runs


def test_every_event_can_become_a_child_run(completed: Path) -> None:
    events = [json.loads(line) for line in (completed / "events.jsonl").read_text().splitlines()]
    assert next(event["phase"] for event in events if event["event"] == "phase") == "profile"
    assert all(abs(event["at"] - time.time()) < 3600 for event in events)
    children = [event for event in events if event["event"] == "trial"]
    assert len(children) >= 3
    for child in children:
        record = ChildRun.from_dict({"run_id": "r_0", "parent_run_id": "r", **child})
        assert record.status == "Completed"


def test_onnx_pickle_and_json_rows_agree(completed: Path) -> None:
    outputs = completed / "outputs"
    signature = ModelSignature.from_dict(json.loads((outputs / "signature.json").read_text()))
    spec = EncoderSpec.from_dict(json.loads((outputs / "encoder.json").read_text()))
    session = onnxruntime.InferenceSession(outputs / "model.onnx", providers=["CPUExecutionProvider"])
    model = joblib.load(outputs / "model.pkl")

    required = {column.name: column.required for column in signature.inputs}
    assert (required["row"], required["nothing"], required["income"]) == (False, False, True)
    matrix, unseen = encode_rows(spec, signature.sample_rows)
    labels, probabilities = session.run(["label", "probabilities"], {"features": matrix})
    assert unseen == 0
    assert [signature.classes[code] for code in labels] == list(signature.sample_labels)
    frame = pd.DataFrame(list(signature.sample_rows), dtype=object)
    assert model.predict(frame).tolist() == list(signature.sample_labels)
    assert set(signature.sample_labels) == {"no", "yes"}
    assert probabilities == pytest.approx(model.predict_proba(frame), abs=1e-5)


def test_rows_with_null_and_mixed_values_score_alike(completed: Path) -> None:
    outputs = completed / "outputs"
    signature = ModelSignature.from_dict(json.loads((outputs / "signature.json").read_text()))
    spec = EncoderSpec.from_dict(json.loads((outputs / "encoder.json").read_text()))
    session = onnxruntime.InferenceSession(outputs / "model.onnx", providers=["CPUExecutionProvider"])
    incomes = ["n/a", "41", None, "never seen"]
    rows = [{**signature.sample_rows[0], "income": income, "nothing": None} for income in incomes]
    matrix, unseen = encode_rows(spec, rows)
    assert unseen == 2  # no row of the data lacks an income
    probabilities = session.run(["probabilities"], {"features": matrix})[0]
    frame = pd.DataFrame(rows, dtype=object)
    assert probabilities == pytest.approx(joblib.load(outputs / "model.pkl").predict_proba(frame), abs=1e-5)


def test_the_scoring_file_scores(completed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = completed / "outputs"
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(outputs))
    spec = importlib.util.spec_from_file_location("scoring_file", outputs / "scoring_file.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.init()
    signature = ModelSignature.from_dict(json.loads((outputs / "signature.json").read_text()))
    rows = list(signature.sample_rows)
    expected = list(signature.sample_labels)
    assert json.loads(script.run(pd.DataFrame(rows))) == {"result": expected}
    assert json.loads(script.run(json.dumps({"data": rows}))) == {"result": expected}
    found = json.loads(script.run(json.dumps({"data": rows, "method": "predict_proba"})))["result"]
    assert np.sum(found, axis=1) == pytest.approx(np.ones(len(rows)))
    assert "'predict_all' is neither" in json.loads(script.run(rows, method="predict_all"))["error"]


def test_a_users_mistake_fails_the_job_in_words(tmp_path: Path) -> None:
    folder = prepare_run(tmp_path / "run", customers(rows=100).assign(bought="no"))
    process = start(folder)
    assert process.wait(timeout=60) == 1
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "Failed"
    assert "one class only" in result["error"]
    assert not (folder / "outputs").exists()
    assert not list(folder.glob(".tmp-*"))


@pytest.mark.parametrize("whole_group", [True, False])
def test_sigterm_ends_the_job_and_its_workers_without_a_result(tmp_path: Path, whole_group: bool) -> None:
    frame = customers(rows=4000, classes=5)
    folder = prepare_run(
        tmp_path / "run", frame, allowed_models=("LightGBM",), n_cross_validations=20, experiment_timeout_minutes=10.0
    )
    process = start(folder)
    events = folder / "events.jsonl"
    wait_until(lambda: events.exists() and '"search"' in events.read_text(), (folder / "job.log").read_text())
    wait_until(lambda: len(group_members(process.pid)) >= 4, "no worker processes")
    if whole_group:
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()
    process.wait(timeout=5)
    wait_until(lambda: not group_members(process.pid), "a worker outlives the job", 5)
    assert not (folder / "result.json").exists()
    assert not (folder / "outputs").exists()
    assert not list(folder.glob(".tmp-*"))


def test_workers_die_with_a_killed_job(tmp_path: Path) -> None:
    folder = prepare_run(
        tmp_path / "run", customers(rows=4000, classes=5), allowed_models=("LightGBM",), n_cross_validations=20
    )
    process = start(folder)
    wait_until(lambda: len(group_members(process.pid)) >= 4, "no worker processes")
    process.kill()
    process.wait(timeout=5)
    wait_until(lambda: not group_members(process.pid), "a worker outlives the killed job", 5)


def test_a_call_without_a_run_folder_explains_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "azureml_local.automl", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr
    assert subprocess.run([*command[:-1], str(tmp_path)], check=False, capture_output=True).returncode == 1
    assert "job.json" in json.loads((tmp_path / "result.json").read_text())["error"]
