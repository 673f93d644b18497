"""The file that `make run` leaves: the run details without Airflow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.airflow_azureml.test_ui_dag_run import BENCHMARK, whole_automl

from azureml_workspace.errors import NotFound
from azureml_workspace.settings import WorkspaceSettings
from scripts.run import run_report
from scripts.run.events import AutoMLSubmitted, RunEnded, RunStarted, TaskFailed, TaskStarted, TaskSucceeded
from scripts.run.layout import Layout
from scripts.run.progress import RunProgress

pytestmark = pytest.mark.unit

SETTINGS = WorkspaceSettings(url="http://127.0.0.1:1")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> RunProgress:
    monkeypatch.setattr(run_report, "open_workspace", lambda _settings: whole_automl())
    run = RunProgress()
    for event in (
        RunStarted(run_id="manual__2026-11-27T16:00:19+00:00"),
        TaskStarted(task_id="automl_run", try_number=1, at=1000.0),
        AutoMLSubmitted(run_id="AutoML_1"),
        TaskSucceeded(task_id="automl_run", at=1022.0, result={}),
        TaskStarted(task_id="benchmark", try_number=2, at=1023.0),
        TaskSucceeded(task_id="benchmark", at=1024.0, result=BENCHMARK.to_dict()),
        RunEnded(state="success", at=1025.0),
    ):
        run.apply(event)
    return run


def words(path: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8")))


def test_report_of_a_run(tmp_path: Path, run: RunProgress) -> None:
    path = run_report.write_run_report(Layout(tmp_path), run, SETTINGS)
    assert path == tmp_path / ".local" / "reports" / "manual__2026-11-27T16_00_19_00_00.html"
    text = words(path)
    assert "automl_run \N{CHECK MARK} Success 1970-01-01 00:16:40 UTC 22 s 1" in text
    assert "register_dataset \N{HORIZONTAL ELLIPSIS} Not begun" in text
    assert "ROC curve" in text
    assert "Latency of the load test" in text
    assert re.findall(r"<script|<link|href=|src=", path.read_text(encoding="utf-8")) == []


def test_report_of_a_run_that_failed(tmp_path: Path, run: RunProgress) -> None:
    run.apply(TaskFailed(task_id="benchmark", error="too slow", will_retry=False, at=1024.0))
    run.state = "failed"
    text = words(run_report.write_run_report(Layout(tmp_path), run, SETTINGS))
    assert "Run details \N{MULTIPLICATION X} Failed" in text
    assert "benchmark \N{MULTIPLICATION X} Failed" in text


def test_run_that_is_not_in_the_workspace(tmp_path: Path, run: RunProgress) -> None:
    run.automl_run_id = "AutoML_9"
    with pytest.raises(NotFound):
        run_report.write_run_report(Layout(tmp_path), run, SETTINGS)


def test_it_loads_no_airflow() -> None:
    """Which takes seconds, and a person is waiting."""
    code = (
        "import sys, scripts.run.run_report; print(sorted(name for name in sys.modules if name.startswith('airflow.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
