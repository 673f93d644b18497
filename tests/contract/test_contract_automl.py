from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import LABEL, TIMEOUT_MINUTES, Trained, automl_settings, settle, write_rows

from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import ComputeTarget, CustomPipeline, DatasetSource, PipelineStep
from azureml_workspace.statuses import ACTIVE_RUN_STATUSES, RunStatus

pytestmark = pytest.mark.contract

METRICS = {"AUC_weighted", "accuracy", "log_loss", "norm_macro_recall", "average_precision_score_weighted"}


def test_an_existing_compute_target_stays_as_it_is(workspace: Workspace) -> None:
    first = workspace.ensure_compute(ComputeTarget(name="contract-pool", vm_size="STANDARD_D2_V2", max_nodes=2))
    assert (first.name, first.vm_size, first.max_nodes) == ("contract-pool", "STANDARD_D2_V2", 2)
    again = workspace.ensure_compute(ComputeTarget(name="contract-pool", max_nodes=4))
    assert (again.vm_size, again.max_nodes) == ("STANDARD_D2_V2", 2)


def test_a_completed_run(workspace: Workspace, trained: Trained) -> None:
    run = trained.run
    assert run.status is RunStatus.COMPLETED
    assert run.experiment_name == "contract"
    assert run.submission_key == trained.submission_key
    assert run.error == ""
    assert run.portal_url.startswith("http")
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.created_at <= run.started_at <= run.ended_at


def test_the_key_of_a_completed_run_finds_it(workspace: Workspace, trained: Trained) -> None:
    again = workspace.submit_automl(trained.settings, submission_key=trained.submission_key)
    assert again.run_id == trained.run.run_id
    assert workspace.find_run(trained.submission_key) == again


def test_a_key_of_no_run_finds_none(workspace: Workspace, trained: Trained) -> None:
    assert workspace.find_run("contract-never-submitted") is None
    assert workspace.find_run("") is None


def test_child_runs(workspace: Workspace, trained: Trained) -> None:
    children = workspace.list_child_runs(trained.run.run_id)
    result = workspace.automl_result(trained.run.run_id)
    assert len(children) == result.child_runs >= 1
    assert [child.iteration for child in children] == sorted(child.iteration for child in children)
    assert [child.run_id for child in children] == [f"{trained.run.run_id}_{child.iteration}" for child in children]
    best = next(child for child in children if child.run_id == result.best_child_run_id)
    assert best.algorithm == result.best_algorithm
    assert best.status is RunStatus.COMPLETED
    assert best.score == pytest.approx(result.metrics["AUC_weighted"], abs=0.05)
    assert set(best.metrics) >= METRICS


def test_result(workspace: Workspace, trained: Trained) -> None:
    result = workspace.automl_result(trained.run.run_id)
    assert result.primary_metric == "AUC_weighted"
    assert set(result.metrics) >= METRICS
    assert 0.7 < result.metrics["AUC_weighted"] <= 1
    assert result.validation
    assert set(result.classes) == {"no", "yes"}
    assert (result.rows_used, result.rows_dropped) == (400, 0)
    assert set(result.feature_importance) <= {"visits", "colour", "price"}


def test_progress_of_a_completed_run(workspace: Workspace, trained: Trained) -> None:
    progress = workspace.automl_progress(trained.run.run_id)
    assert progress.trials_done >= 1
    assert progress.best_score is not None
    assert progress.time_limit_seconds == pytest.approx(TIMEOUT_MINUTES * 60)
    assert 0 < progress.elapsed_seconds < 90


def test_files(workspace: Workspace, trained: Trained) -> None:
    files = workspace.list_run_files(trained.run.run_id)
    assert files == sorted(files)
    assert {"outputs/model.onnx", "outputs/model.pkl", "outputs/metrics.json", "outputs/scoring_file.py"} <= set(files)
    metrics = json.loads(workspace.read_run_file(trained.run.run_id, "outputs/metrics.json"))
    assert "AUC_weighted" in metrics["metrics"]
    for path in ("outputs/nothing.json", "../server.json", "outputs/../../../token", ""):
        with pytest.raises(NotFound):
            workspace.read_run_file(trained.run.run_id, path)
        with pytest.raises(NotFound):
            workspace.run_log(trained.run.run_id, path)


def test_end_of_a_log(workspace: Workspace, trained: Trained) -> None:
    log = workspace.read_run_file(trained.run.run_id, "logs/job.log").decode().splitlines()
    assert len(log) > 2
    assert workspace.run_log(trained.run.run_id, "logs/job.log", tail=2).splitlines() == log[-2:]
    assert workspace.run_log(trained.run.run_id, "logs/job.log", tail=10_000).splitlines() == log


def test_from_submission_to_cancellation(workspace: Workspace, trained: Trained) -> None:
    workspace.ensure_compute(ComputeTarget(name="contract-side"))
    settings = automl_settings(trained.dataset, experiment_timeout_minutes=5, compute_target="contract-side")
    run = workspace.submit_automl(settings, submission_key="contract-cancel")
    assert run.status in ACTIVE_RUN_STATUSES
    assert workspace.submit_automl(settings, submission_key="contract-cancel").run_id == run.run_id
    assert workspace.submit_automl(settings, submission_key="contract-cancel").run_id == run.run_id
    with pytest.raises(Conflict):
        workspace.automl_result(run.run_id)
    settle(lambda: workspace.get_run(run.run_id).status, lambda status: status is RunStatus.RUNNING)
    progress = workspace.automl_progress(run.run_id)
    assert progress.time_limit_seconds == 300
    assert progress.seconds_left <= 300

    assert workspace.cancel_run(run.run_id).status in {RunStatus.CANCEL_REQUESTED, RunStatus.CANCELED}
    ended = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal)
    assert ended.status is RunStatus.CANCELED
    assert ended.error
    assert workspace.cancel_run(run.run_id).status is RunStatus.CANCELED
    with pytest.raises(RunFailed):
        workspace.automl_result(run.run_id)
    with pytest.raises(RunFailed):
        workspace.register_model("contract-cancelled", run.run_id)
    with pytest.raises(NotFound):
        workspace.get_model("contract-cancelled")
    assert workspace.find_run("contract-cancel") is None

    anew = workspace.submit_automl(settings, submission_key="contract-cancel")
    assert anew.run_id != run.run_id
    # As a task does that was told to stop.
    hurried = workspace.reopened(connect_timeout=1.0, read_timeout=3.0, retry_seconds=0.5)
    assert hurried.cancel_run(anew.run_id).status in {RunStatus.CANCEL_REQUESTED, RunStatus.CANCELED}


def test_cancelling_a_completed_run_changes_nothing(workspace: Workspace, trained: Trained) -> None:
    assert workspace.cancel_run(trained.run.run_id).status is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"primary_metric": "AUC"}, "AUC_weighted"),
        ({"experiment_timeout_minutes": 0}, "experiment_timeout_minutes is 0"),
        ({"iterations": 0}, "iterations is 0"),
        ({"allowed_models": ("Magic",)}, "Magic"),
        ({"blocked_models": ("Magic",)}, "Magic"),
        ({"allowed_models": ("LightGBM",), "blocked_models": ("LightGBM",)}, "LightGBM"),
        ({"n_cross_validations": 1}, "n_cross_validations is 1"),
        ({"n_cross_validations": 5, "validation_size": 0.2}, "validation_size"),
        ({"validation_size": 0.9}, "validation_size is 0.9"),
        ({"label_column_name": "nothing"}, "nothing"),
        ({"label_column_name": " "}, "label_column_name is empty"),
        ({"label_column_name": "price"}, "price"),
        ({"exclude_columns": (LABEL,)}, "exclude_columns"),
        ({"exclude_columns": ("nothing",)}, "nothing"),
        ({"exclude_columns": ("visits", "colour", "price")}, "column"),
    ],
)
def test_settings_that_cannot_work(workspace: Workspace, trained: Trained, given: dict[str, Any], words: str) -> None:
    settings = automl_settings(trained.dataset, compute_target="contract-main", **given)
    with pytest.raises(InvalidRequest, match=words):
        workspace.submit_automl(settings, submission_key=f"contract-bad-{sorted(given)}")


OWN = CustomPipeline(
    name="own-bayes",
    steps=(
        PipelineStep(estimator="sklearn.preprocessing.StandardScaler"),
        PipelineStep(estimator="sklearn.naive_bayes.GaussianNB"),
    ),
)


@pytest.mark.parametrize("given", [{"class_weights": "balanced"}, {"custom_pipelines": (OWN,)}])
def test_challengers_of_ones_own_compete_or_are_refused_before_anything_is_sent(
    workspace: Workspace, trained: Trained, given: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    limits = {"allowed_models": ("DecisionTree",), "iterations": 2, "experiment_timeout_minutes": 2}
    settings = automl_settings(trained.dataset, compute_target="contract-main", **limits, **given)
    key = f"contract-own-{sorted(given)}"
    if request.node.callspec.params["workspace"] == "azure_v1":
        with pytest.raises(InvalidRequest, match="local backend"):
            workspace.submit_automl(settings, submission_key=key)
        assert workspace.find_run(key) is None
        return
    run = workspace.submit_automl(settings, submission_key=key)
    run = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal, seconds=150)
    assert run.status is RunStatus.COMPLETED, run.error
    children = {child.algorithm: child for child in workspace.list_child_runs(run.run_id)}
    if "custom_pipelines" in given:
        assert children["own-bayes"].status is RunStatus.COMPLETED
        assert children["own-bayes"].score is not None
    else:
        guards = {finding.guard for finding in workspace.automl_result(run.run_id).findings}
        assert "class_weights" in guards


def test_data_that_cannot_work(workspace: Workspace, trained: Trained, tmp_path: Path) -> None:
    for name, rows, classes in (("one-class", 200, 1), ("ten-rows", 10, 2)):
        write_rows(tmp_path / "a.csv", rows, classes=classes)
        dataset = workspace.register_dataset(f"contract-{name}", DatasetSource(path=str(tmp_path / "a.csv")))
        with pytest.raises(InvalidRequest):
            workspace.submit_automl(
                automl_settings(dataset, compute_target="contract-main"), submission_key=f"contract-{name}"
            )


@pytest.mark.parametrize("given", [{"dataset_name": "contract-nobody"}, {"dataset_version": 99}])
def test_unknown_data(workspace: Workspace, trained: Trained, given: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        workspace.submit_automl(
            automl_settings(trained.dataset, compute_target="contract-main", **given), submission_key="contract-unknown"
        )


def test_unknown_compute_target(workspace: Workspace, trained: Trained) -> None:
    settings = automl_settings(trained.dataset, compute_target="contract-nobody")
    with pytest.raises(NotFound):
        workspace.submit_automl(settings, submission_key="contract-no-compute")


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.get_run("nobody"),
        lambda w: w.list_child_runs("nobody"),
        lambda w: w.automl_progress("nobody"),
        lambda w: w.automl_result("nobody"),
        lambda w: w.cancel_run("nobody"),
        lambda w: w.list_run_files("nobody"),
        lambda w: w.read_run_file("nobody", "outputs/model.onnx"),
        lambda w: w.run_log("nobody", "logs/job.log"),
        lambda w: w.register_model("contract-shop", "nobody"),
    ],
)
def test_unknown_run(workspace: Workspace, call: Callable[[Workspace], object]) -> None:
    with pytest.raises(NotFound):
        call(workspace)
