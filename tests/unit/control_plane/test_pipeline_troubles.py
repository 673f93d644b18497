"""Pipeline runs in trouble: what cannot be written, what is left half-written, and what `stop` makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.unit.control_plane.pipeline_http import error, submit
from tests.unit.control_plane.pipeline_parts import Pipelines

from azureml_local.cli.views import _run_line
from azureml_local.pipelines.files import tell
from azureml_local.server.shutdown import stop_everything
from azureml_local.server.workspace import LocalWorkspace
from azureml_local.store.pipeline_run_records import StepStart
from azureml_workspace.records import Run
from azureml_workspace.statuses import ACTIVE_RUN_STATUSES, RunStatus

pytestmark = pytest.mark.unit


def trained(pipelines: Pipelines) -> tuple[str, str]:
    """A pipeline run whose AutoML step is done, and that step's run."""
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = pipelines.step(run.run_id, "automl").run_id
    assert automl is not None
    pipelines.complete_automl(automl)
    pipelines.look(run.run_id)
    return run.run_id, automl


def test_a_model_that_cannot_be_written_fails_the_run_once(pipelines: Pipelines) -> None:
    run_id, _ = trained(pipelines)
    (pipelines.home.models / "bank-model").write_text("in the way")
    ended = pipelines.look(run_id)
    assert ended.status is RunStatus.FAILED
    assert "step register_model (run " in ended.error
    assert str(pipelines.home.models / "bank-model") in ended.error
    assert pipelines.log(run_id).rstrip().endswith(f"Failed: {ended.error}")
    step = pipelines.step(run_id, "register_model")
    assert "failed: [Errno" in pipelines.log(step.run_id or "", "step")


def test_what_nobody_thought_of_is_tried_again_and_told_once(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_id, _ = trained(pipelines)
    tried: list[str] = []

    def fail(name: str, *_: Any) -> Any:
        tried.append(name)
        raise ZeroDivisionError(f"attempt {len(tried)}")

    now = [0.0]
    monkeypatch.setattr(pipelines.orchestrator._troubles, "_clock", lambda: now[0])
    with monkeypatch.context() as broken:
        broken.setattr(pipelines.models, "register", fail)
        for _ in range(100):
            pipelines.orchestrator.step()
            now[0] += 0.2
    assert 3 < len(tried) < 20
    assert caplog.text.count("Traceback") == 1
    now[0] += 5.0
    assert pipelines.look(run_id).status is RunStatus.COMPLETED
    step = pipelines.step(run_id, "register_model")
    assert pipelines.log(step.run_id or "", "step").count("registering the best model") == 1


def test_a_run_cancelled_just_when_its_step_starts_has_a_start(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.manager.cancel(run.run_id)
    start = StepStart(name="automl", run_id="AutoML_1", status=RunStatus.NOT_STARTED, started_at=None)
    pipelines.pipeline_runs.start_step(run.run_id, start, {})
    found = pipelines.get(run.run_id)
    assert found.status is RunStatus.CANCEL_REQUESTED
    assert found.started_at is not None


def test_half_written_files_are_swept_at_the_start(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, automl = trained(pipelines)
    start = StepStart(name="register_model", run_id="step-1", status=RunStatus.RUNNING, started_at=None)
    pipelines.pipeline_runs.start_step(run_id, start, {})
    files = {name: pipelines.home.run(name) / "outputs" / ".tmp-1" for name in (run_id, "step-1", automl)}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{")
    monkeypatch.setattr(pipelines.orchestrator, "step", lambda: 60.0)
    pipelines.orchestrator.start()
    pipelines.orchestrator.stop()
    assert [name for name, file in files.items() if file.exists()] == [automl], "its job may be at work"


def test_half_written_files_are_not_shown(
    client: TestClient, published: dict[str, Any], workspace: LocalWorkspace
) -> None:
    run_id = submit(client, published).json()["Id"]
    outputs = workspace.home.run(run_id) / "outputs"
    (outputs / ".tmp-folder").mkdir(parents=True)
    for name in ("result.json", ".tmp-1", ".tmp-folder/part"):
        (outputs / name).write_text("{}")
    assert client.get(f"/v1/runs/{run_id}/files").json() == ["outputs/result.json"]
    for name in (".tmp-1", ".tmp-folder/part"):
        assert error(client.get(f"/v1/runs/{run_id}/files/outputs/{name}"))[:2] == (404, "NotFound")


@pytest.mark.parametrize("automl_status", [RunStatus.FAILED, RunStatus.CANCELED, RunStatus.COMPLETED])
def test_stop_leaves_a_run_whose_automl_run_had_ended_to_the_next_server(
    pipelines: Pipelines, automl_status: RunStatus
) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = pipelines.step(run.run_id, "automl").run_id or ""
    pipelines.automl_runs.finish(automl, automl_status, "out of memory")
    stopped = stop_everything(pipelines.home)
    assert (stopped.runs_cancelled, stopped.runs_left) == (0, 1)
    if automl_status is not RunStatus.COMPLETED:
        ended = pipelines.look(run.run_id)
        assert ended.status is automl_status
        assert "out of memory" in ended.error


def test_stop_says_in_the_log_how_a_run_ended(pipelines: Pipelines) -> None:
    started, waiting = pipelines.submit(), pipelines.submit()
    pipelines.pipeline_runs.request_cancel(waiting.run_id)
    pipelines.look(started.run_id)
    stopped = stop_everything(pipelines.home)
    assert stopped.runs_cancelled == 2  # the pipeline run and its AutoML run
    assert pipelines.get(started.run_id).status is RunStatus.CANCELED
    assert pipelines.log(started.run_id).rstrip().endswith("Canceled: the local Azure ML was stopped")


def test_stop_can_keep_a_pipeline_run_for_the_next_server(pipelines: Pipelines) -> None:
    started, waiting = pipelines.submit(), pipelines.submit()
    pipelines.look(started.run_id)
    automl = pipelines.step(started.run_id, "automl").run_id or ""
    stopped = stop_everything(pipelines.home, keep_runs=True)
    assert (stopped.runs_cancelled, stopped.runs_left, stopped.runs_waiting) == (0, 0, 4)  # each with its AutoML run
    assert pipelines.automl_runs.get(automl).status is RunStatus.QUEUED
    for run in (started, waiting):
        assert pipelines.look(run.run_id).status in ACTIVE_RUN_STATUSES


def test_a_line_of_a_log_is_one_line(tmp_path: Path) -> None:
    tell(tmp_path / "a.log", "one\n2026-01-01T00:00:00Z Completed\x1b[2J", "été")
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(r"Z one\n2026-01-01T00:00:00Z Completed\x1b[2J")
    assert lines[1].endswith("Z été")


def test_a_line_for_a_run_whose_facts_an_earlier_version_let_be_forged() -> None:
    run = {"run_id": "r", "experiment_name": "exp", "run_type": "pipeline", "status": "Running", "portal_url": "u"}
    forged = {"best_score": "abc", "model": "champion:99"}
    line = _run_line(Run.from_dict({**run, "created_at": "2026-11-21T00:00:00Z", "properties": forged}))
    assert line.endswith("pipeline ?:?  ? ? abc  model champion:99")
