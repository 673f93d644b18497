"""The orchestrator look by look, without its thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.local_server import eventually
from tests.unit.control_plane.pipeline_parts import Pipelines

from azureml_workspace.errors import InvalidRequest, StorageFull
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

COMPLETED, FAILED, CANCELED = RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELED


def automl_of(pipelines: Pipelines, run_id: str) -> str:
    run = pipelines.automl_runs.find_step(run_id)
    assert run is not None
    return run.run_id


def test_a_run_goes_from_step_to_step(pipelines: Pipelines) -> None:
    run = pipelines.submit("key", iterations="5")
    assert (run.status, run.run_type, run.submission_key) == (RunStatus.NOT_STARTED, "pipeline", "key")
    assert pipelines.look(run.run_id).status is RunStatus.RUNNING
    automl = pipelines.automl_runs.find_step(run.run_id)
    assert automl is not None
    assert (automl.parent_run_id, automl.experiment_name) == (run.run_id, "retrain")
    assert pipelines.steps(run.run_id)[0] == ("automl", RunStatus.NOT_STARTED, "")
    pipelines.automl_runs.advance(automl.run_id, RunStatus.QUEUED)
    pipelines.look(run.run_id)
    queued = pipelines.step(run.run_id, "automl")
    assert (queued.status, queued.started_at) == (RunStatus.QUEUED, None)
    pipelines.automl_runs.advance(automl.run_id, RunStatus.PREPARING)
    pipelines.automl_runs.advance(automl.run_id, RunStatus.RUNNING)
    pipelines.look(run.run_id)
    started_at = pipelines.automl_runs.get(automl.run_id).started_at
    assert pipelines.step(run.run_id, "automl").started_at == started_at is not None
    assert pipelines.steps(run.run_id) == [
        ("automl", RunStatus.RUNNING, ""),
        ("register_model", RunStatus.NOT_STARTED, ""),
    ]
    pipelines.complete_automl(automl.run_id)
    assert pipelines.look(run.run_id).status is RunStatus.RUNNING
    ended = pipelines.look(run.run_id)
    assert (ended.status, ended.error) == (COMPLETED, "")
    assert pipelines.steps(run.run_id) == [("automl", COMPLETED, ""), ("register_model", COMPLETED, "")]
    assert ended.properties["model"] == "bank-model:1"
    assert ended.properties["automl_run_id"] == automl.run_id
    assert (ended.properties["best_score"], ended.properties["iterations"]) == ("0.9", "5")
    model = pipelines.models.get("bank-model")
    assert model.run_id == automl.run_id
    assert model.tags["pipeline_run_id"] == run.run_id
    assert (model.tags["pipeline"], model.tags["pipeline_version"]) == ("bank", "1")
    assert (model.tags["dataset"], model.tags["dataset_version"]) == ("people", "1")
    assert model.tags["AUC_weighted"] == "0.9"
    result = pipelines.manager.result(ended)
    assert (result.model, result.automl.run_id, result.dataset_version) == (model, automl.run_id, 1)


def test_the_logs_tell_the_story(pipelines: Pipelines) -> None:
    run = pipelines.submit(iterations="5")
    pipelines.look(run.run_id)
    automl = automl_of(pipelines, run.run_id)
    pipelines.complete_automl(automl)
    pipelines.look(run.run_id)
    pipelines.look(run.run_id)
    story = pipelines.log(run.run_id)
    for words in (
        "pipeline bank version 1",
        "parameters given: iterations='5'",
        "dataset people version 1, the latest when it was submitted",
        f"step automl: submitted as run {automl}",
        "step automl: Completed: LightGBM is the best of 2 trials: AUC_weighted 0.90000",
        "step register_model: Completed: model bank-model:1",
    ):
        assert story.count(words) == 1, words
    assert story.splitlines()[-1].endswith("Z Completed")
    assert "dataset people version 1, label y" in pipelines.log(automl, "step")
    register = pipelines.pipeline_runs.find(run.run_id)
    assert register is not None
    step_run = register.steps[1].run_id or ""
    assert "registered as version 1" in pipelines.log(step_run, "step")
    assert json.loads((pipelines.home.run(step_run) / "outputs" / "model.json").read_text())["version"] == 1
    found = pipelines.pipeline_runs.find_step_run(step_run)
    assert found is not None
    assert (found.run_type, found.parent_run_id, found.status) == ("step", run.run_id, COMPLETED)


def test_a_failed_step_fails_the_run_and_the_next_does_not_start(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = automl_of(pipelines, run.run_id)
    pipelines.automl_runs.finish(automl, FAILED, "out of memory")
    ended = pipelines.look(run.run_id)
    reason = f"step automl (run {automl}) failed: out of memory"
    assert (ended.status, ended.error) == (FAILED, reason)
    assert pipelines.steps(run.run_id) == [
        ("automl", FAILED, "out of memory"),
        ("register_model", CANCELED, f"did not start: {reason}"),
    ]
    assert pipelines.log(run.run_id).rstrip().endswith(f"Failed: {reason}")


def test_an_automl_run_that_cannot_be_submitted_fails_the_run(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pipelines.submit()
    monkeypatch.setattr(pipelines.orchestrator._automl, "check", _refuse("the data is gone"))
    ended = pipelines.look(run.run_id)
    assert ended.status is FAILED
    assert ended.error == "step automl failed: it could not be submitted: the data is gone"


def test_a_registration_that_fails_names_its_run(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = automl_of(pipelines, run.run_id)
    pipelines.complete_automl(automl)
    pipelines.look(run.run_id)
    (pipelines.home.run(automl) / "outputs" / "model.onnx").unlink()
    ended = pipelines.look(run.run_id)
    found = pipelines.pipeline_runs.find(run.run_id)
    assert found is not None
    assert ended.status is FAILED
    assert ended.error.startswith(f"step register_model (run {found.steps[1].run_id}) failed: ")
    assert "model.onnx missing" in ended.error
    assert [status for _, status, _ in pipelines.steps(run.run_id)] == [COMPLETED, FAILED]


def test_cancelling_waits_for_the_automl_run(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = automl_of(pipelines, run.run_id)
    pipelines.automl_runs.advance(automl, RunStatus.RUNNING)
    pipelines.look(run.run_id)
    pipelines.manager.cancel(run.run_id)
    for _ in range(3):
        assert pipelines.look(run.run_id).status is RunStatus.CANCEL_REQUESTED
    assert pipelines.automl_runs.get(automl).status is RunStatus.CANCEL_REQUESTED
    pipelines.automl_runs.finish(automl, CANCELED, "cancelled on request")
    ended = pipelines.look(run.run_id)
    assert (ended.status, ended.error) == (CANCELED, "cancelled on request")
    assert pipelines.steps(run.run_id) == [
        ("automl", CANCELED, "cancelled on request"),
        ("register_model", CANCELED, "did not start: cancelled on request"),
    ]
    pipelines.manager.cancel(run.run_id)
    assert pipelines.look(run.run_id).status is CANCELED


def test_a_run_that_did_not_start_is_cancelled_without_an_automl_run(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.manager.cancel(run.run_id)
    assert pipelines.look(run.run_id).status is CANCELED
    assert pipelines.automl_runs.list_all() == []


def test_cancelled_between_the_steps_it_registers_nothing(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    pipelines.complete_automl(automl_of(pipelines, run.run_id))
    pipelines.look(run.run_id)
    pipelines.manager.cancel(run.run_id)
    assert pipelines.look(run.run_id).status is CANCELED
    assert pipelines.models.list_all() == []
    assert [status for _, status, _ in pipelines.steps(run.run_id)] == [COMPLETED, CANCELED]


def test_cancelled_while_it_registers_it_is_canceled_for_its_key_may_be_anothers(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pipelines.submit("key")
    pipelines.look(run.run_id)
    pipelines.complete_automl(automl_of(pipelines, run.run_id))
    pipelines.look(run.run_id)
    register = pipelines.models.register

    def cancelled_meanwhile(*arguments: Any) -> Any:
        pipelines.manager.cancel(run.run_id)
        assert pipelines.submit("key").run_id != run.run_id
        return register(*arguments)

    monkeypatch.setattr(pipelines.models, "register", cancelled_meanwhile)
    ended = pipelines.look(run.run_id)
    assert (ended.status, ended.error) == (CANCELED, "cancelled on request, when all its steps were done")
    assert ended.properties["model"] == "bank-model:1"


def test_cancelling_the_automl_run_cancels_the_pipeline_run_and_says_whose_doing_it_was(pipelines: Pipelines) -> None:
    run = pipelines.submit()
    pipelines.look(run.run_id)
    automl = automl_of(pipelines, run.run_id)
    pipelines.automl_runs.request_cancel(automl)
    ended = pipelines.look(run.run_id)
    assert ended.status is CANCELED
    assert ended.error == f"its step automl (run {automl}) was cancelled: cancelled before it started"


def test_one_run_in_trouble_stops_no_other(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = pipelines.submit(), pipelines.submit()
    start_step = pipelines.pipeline_runs.start_step

    def full_for_the_first(run_id: str, *rest: Any) -> None:
        if run_id == first.run_id:
            raise StorageFull("full")
        start_step(run_id, *rest)

    with monkeypatch.context() as full:
        full.setattr(pipelines.pipeline_runs, "start_step", full_for_the_first)
        for _ in range(3):
            pipelines.orchestrator.step()
    assert pipelines.get(second.run_id).status is RunStatus.RUNNING
    assert caplog.text.count("StorageFull: full") == 1
    eventually(lambda: pipelines.look(first.run_id).status is RunStatus.RUNNING, what="the other run's start")
    assert len(pipelines.automl_runs.list_all()) == 2
    assert pipelines.log(first.run_id).count("parameters given") == 1


def _refuse(why: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise InvalidRequest(why)

    return refuse
