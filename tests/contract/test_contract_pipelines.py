from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import LABEL, TIMEOUT_MINUTES, settle, write_rows

from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, RunFailed
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import (
    AutoMLConfig,
    ComputeTarget,
    DatasetSource,
    DatasetVersion,
    PipelineDefinition,
    PipelineSubmission,
    PublishedPipeline,
    Run,
)
from azureml_workspace.statuses import ACTIVE_RUN_STATUSES, PipelineStatus, RunStatus

pytestmark = pytest.mark.contract

COMPUTE = "contract-steps"


@dataclass(frozen=True)
class Retrained:
    """A completed run of a published pipeline, submitted through the pipeline endpoint."""

    dataset: DatasetVersion
    pipeline: PublishedPipeline
    submission_key: str
    run: Run


@pytest.fixture(scope="module")
def dataset(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> DatasetVersion:
    """The second and latest version of a dataset."""
    workspace.ensure_compute(ComputeTarget(name=COMPUTE, max_nodes=1))
    path = tmp_path_factory.mktemp("contract") / "kiosk.csv"
    for rows in (300, 350):
        write_rows(path, rows, seed=rows)
        registered = workspace.register_dataset("contract-kiosk", DatasetSource(path=str(path)))
    assert registered.version == 2
    return registered


def definition(name: str, **given: Any) -> PipelineDefinition:
    automl = AutoMLConfig(
        dataset_name="contract-kiosk",
        label_column_name=LABEL,
        experiment_timeout_minutes=TIMEOUT_MINUTES,
        iterations=2,
        compute_target=COMPUTE,
    )
    changed = {key: given.pop(key) for key in list(given) if key in AutoMLConfig.__dataclass_fields__}
    plain = PipelineDefinition(
        name=name, automl=replace(automl, **changed), model_name=name, experiment_name="contract-retrain"
    )
    return replace(plain, **given)


@pytest.fixture(scope="module")
def retrained(workspace: Workspace, dataset: DatasetVersion) -> Retrained:
    pipeline = workspace.publish_pipeline(definition("contract-kiosk", model_tags={"team": "kiosks"}))
    key = "contract-retrained"
    run = workspace.submit_pipeline(
        pipeline.pipeline_endpoint, PipelineSubmission(experiment_name="contract-kiosk"), submission_key=key
    )
    assert run.status in ACTIVE_RUN_STATUSES
    run = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal, seconds=120)
    assert run.status is RunStatus.COMPLETED, run.error
    return Retrained(dataset=dataset, pipeline=pipeline, submission_key=key, run=run)


# Publishing


def test_an_equal_definition_is_published_once(workspace: Workspace, dataset: DatasetVersion) -> None:
    first = workspace.publish_pipeline(definition("contract-once"))
    assert (first.name, first.version, first.is_default) == ("contract-once", 1, True)
    assert first.status is PipelineStatus.ACTIVE
    assert first.definition == definition("contract-once")
    assert first.endpoint != first.pipeline_endpoint
    assert {first.endpoint[:4], first.pipeline_endpoint[:4], first.portal_url[:4]} == {"http"}
    assert workspace.publish_pipeline(definition("contract-once")) == first
    assert workspace.get_pipeline(first.pipeline_id) == first
    assert workspace.find_pipeline("contract-once") == workspace.find_pipeline("contract-once", 1) == first


def test_another_definition_is_the_next_version_and_the_default(workspace: Workspace, dataset: DatasetVersion) -> None:
    first = workspace.publish_pipeline(definition("contract-versions"))
    second = workspace.publish_pipeline(definition("contract-versions", seed=7))
    assert (second.version, second.is_default) == (2, True)
    assert second.pipeline_endpoint == first.pipeline_endpoint
    assert second.endpoint != first.endpoint
    listed = workspace.list_pipelines("contract-versions")
    assert [(pipeline.version, pipeline.is_default) for pipeline in listed] == [(2, True), (1, False)]
    assert [p.pipeline_id for p in listed] == [second.pipeline_id, first.pipeline_id]
    assert workspace.find_pipeline("contract-versions").version == 2
    assert workspace.find_pipeline("contract-versions", 1).pipeline_id == first.pipeline_id

    assert workspace.set_default_pipeline(first.pipeline_id).is_default
    assert workspace.find_pipeline("contract-versions").version == 1
    assert not workspace.get_pipeline(second.pipeline_id).is_default
    # Equal to version 2, which is not the default any more.
    assert workspace.publish_pipeline(definition("contract-versions", seed=7)).version == 3
    names = [pipeline.name for pipeline in workspace.list_pipelines()]
    assert names == sorted(names)
    assert workspace.list_pipelines("contract-nobody") == []


def test_a_disabled_pipeline_refuses_submissions(workspace: Workspace, dataset: DatasetVersion) -> None:
    pipeline = workspace.publish_pipeline(definition("contract-disabled"))
    disabled = workspace.set_pipeline_status(pipeline.pipeline_id, PipelineStatus.DISABLED)
    assert disabled.status is PipelineStatus.DISABLED
    assert [found.status for found in workspace.list_pipelines("contract-disabled")] == [PipelineStatus.DISABLED]
    for endpoint in (pipeline.endpoint, pipeline.pipeline_endpoint):
        with pytest.raises(Conflict, match=r"(?i)disabled"):
            workspace.submit_pipeline(endpoint, PipelineSubmission(), submission_key="contract-disabled")
    # A disabled one is not what was asked to be published, although it says the same.
    second = workspace.publish_pipeline(definition("contract-disabled"))
    assert (second.version, second.is_default, second.status) == (2, True, PipelineStatus.ACTIVE)
    with pytest.raises(Conflict, match=r"(?i)disabled"):
        workspace.set_default_pipeline(pipeline.pipeline_id)
    enabled = workspace.set_pipeline_status(pipeline.pipeline_id, PipelineStatus.ACTIVE)
    assert enabled.status is PipelineStatus.ACTIVE
    assert workspace.set_default_pipeline(pipeline.pipeline_id).is_default


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "a b"}, "a b"),
        ({"model_name": "a b"}, "a b"),
        ({"experiment_name": "a b"}, "a b"),
        ({"dataset_version": 99}, "99"),
        ({"dataset_name": "contract-nobody"}, "contract-nobody"),
        ({"label_column_name": "nothing"}, "nothing"),
        ({"primary_metric": "AUC"}, "AUC_weighted"),
        ({"allowed_models": ("Magic",)}, "Magic"),
        ({"compute_target": "contract-nobody"}, "contract-nobody"),
        ({"experiment_timeout_minutes": 0}, "experiment_timeout_minutes is 0"),
    ],
)
def test_definitions_that_cannot_work(
    workspace: Workspace, dataset: DatasetVersion, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        workspace.publish_pipeline(definition(**({"name": "contract-bad"} | given)))
    assert workspace.list_pipelines("contract-bad") == []


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.get_pipeline("nobody"),
        lambda w: w.find_pipeline("contract-nobody"),
        lambda w: w.set_pipeline_status("nobody", PipelineStatus.DISABLED),
        lambda w: w.set_default_pipeline("nobody"),
        lambda w: w.list_step_runs("nobody"),
        lambda w: w.pipeline_result("nobody"),
    ],
)
def test_unknown(workspace: Workspace, call: Callable[[Workspace], object]) -> None:
    with pytest.raises(NotFound):
        call(workspace)


def test_an_unknown_version(workspace: Workspace, dataset: DatasetVersion) -> None:
    workspace.publish_pipeline(definition("contract-once"))
    with pytest.raises(NotFound):
        workspace.find_pipeline("contract-once", 99)


# A run


def test_a_completed_run(workspace: Workspace, retrained: Retrained) -> None:
    run = retrained.run
    assert run.run_type == "pipeline"
    assert run.experiment_name == "contract-kiosk"
    assert run.error == ""
    assert run.portal_url.startswith("http")
    assert run.parent_run_id is None
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.created_at <= run.started_at <= run.ended_at
    assert workspace.cancel_run(run.run_id).status is RunStatus.COMPLETED


def test_its_steps_are_runs(workspace: Workspace, retrained: Retrained) -> None:
    automl, register = workspace.list_step_runs(retrained.run.run_id)
    assert (automl.name, register.name) == ("automl", "register_model")
    for step in (automl, register):
        assert (step.parent_run_id, step.status, step.error) == (retrained.run.run_id, RunStatus.COMPLETED, "")
        assert step.run_id is not None
        assert step.started_at is not None
        assert step.ended_at is not None
        run = workspace.get_run(step.run_id)
        assert (run.run_id, run.status, run.experiment_name) == (step.run_id, RunStatus.COMPLETED, "contract-kiosk")
        assert run.parent_run_id == retrained.run.run_id
        assert any(path.startswith("logs/") for path in workspace.list_run_files(step.run_id))
    assert automl.ended_at is not None
    assert register.started_at is not None
    assert automl.started_at <= automl.ended_at <= register.started_at  # type: ignore[operator]


def test_what_it_made(workspace: Workspace, retrained: Retrained) -> None:
    result = workspace.pipeline_result(retrained.run.run_id)
    automl, _ = workspace.list_step_runs(retrained.run.run_id)
    assert automl.run_id is not None
    assert result.run_id == retrained.run.run_id
    assert (result.pipeline_id, result.pipeline_name, result.pipeline_version) == (
        retrained.pipeline.pipeline_id,
        "contract-kiosk",
        retrained.pipeline.version,
    )
    # The latest version when it was submitted.
    assert (result.dataset_name, result.dataset_version) == ("contract-kiosk", 2)
    assert result.automl.rows_used == retrained.dataset.rows
    assert result.automl == workspace.automl_result(automl.run_id)
    assert 0.6 < result.automl.metrics["AUC_weighted"] <= 1
    assert (result.model.name, result.model.version, result.model.run_id) == ("contract-kiosk", 1, automl.run_id)
    assert workspace.get_model("contract-kiosk") == result.model
    assert result.model.tags["team"] == "kiosks"
    assert workspace.register_model("contract-kiosk", automl.run_id).version == 1
    assert "outputs/model.onnx" in workspace.list_run_files(automl.run_id)
    assert len(workspace.list_child_runs(automl.run_id)) == result.automl.child_runs


def test_the_outputs_of_the_step_name_the_model(workspace: Workspace, retrained: Retrained) -> None:
    _, register = workspace.list_step_runs(retrained.run.run_id)
    assert register.run_id is not None
    model = json.loads(workspace.read_run_file(register.run_id, "outputs/model.json"))
    assert (model["name"], model["version"]) == ("contract-kiosk", 1)


def test_the_key_of_a_completed_run_finds_it(workspace: Workspace, retrained: Retrained) -> None:
    for endpoint in (retrained.pipeline.pipeline_endpoint, retrained.pipeline.endpoint):
        again = workspace.submit_pipeline(endpoint, PipelineSubmission(), submission_key=retrained.submission_key)
        assert again.run_id == retrained.run.run_id
    assert workspace.find_run(retrained.submission_key) == retrained.run


def test_a_running_one_is_found_by_its_key_and_cancelled_with_its_step(
    workspace: Workspace, dataset: DatasetVersion
) -> None:
    pipeline = workspace.publish_pipeline(
        definition("contract-cancel", iterations=None, experiment_timeout_minutes=5, enable_early_stopping=False)
    )
    submission = PipelineSubmission(parameters={"dataset_version": "1"})

    def submit() -> Run:
        return workspace.submit_pipeline(pipeline.endpoint, submission, submission_key="contract-pipeline-cancel")

    run = submit()
    assert run.experiment_name == "contract-retrain"
    assert submit().run_id == run.run_id
    with pytest.raises(Conflict):
        workspace.pipeline_result(run.run_id)
    settle(lambda: workspace.list_step_runs(run.run_id)[0].status, lambda status: status is RunStatus.RUNNING)
    assert workspace.get_run(run.run_id).status is RunStatus.RUNNING
    assert workspace.list_step_runs(run.run_id)[1].run_id is None

    assert workspace.cancel_run(run.run_id).status in {RunStatus.CANCEL_REQUESTED, RunStatus.CANCELED}
    ended = settle(lambda: workspace.get_run(run.run_id), lambda seen: seen.status.is_terminal)
    assert ended.status is RunStatus.CANCELED
    assert ended.error
    automl, register = workspace.list_step_runs(run.run_id)
    assert automl.run_id is not None
    assert workspace.get_run(automl.run_id).status is RunStatus.CANCELED
    assert (automl.status, register.status, register.run_id) == (RunStatus.CANCELED, RunStatus.CANCELED, None)
    assert "did not start" in register.error
    with pytest.raises(RunFailed):
        workspace.pipeline_result(run.run_id)
    with pytest.raises(NotFound):
        workspace.get_model("contract-cancel")

    anew = submit()
    assert anew.run_id != run.run_id
    workspace.cancel_run(anew.run_id)
    settle(lambda: workspace.get_run(anew.run_id).status, lambda status: status.is_terminal)


def test_a_run_of_another_kind(workspace: Workspace, retrained: Retrained) -> None:
    automl = workspace.list_step_runs(retrained.run.run_id)[0].run_id
    assert automl is not None
    with pytest.raises(InvalidRequest, match="automl"):
        workspace.list_step_runs(automl)
    with pytest.raises(InvalidRequest, match="automl"):
        workspace.pipeline_result(automl)


# Submissions that are refused


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"iteration": "3"}, "iteration.*experiment_timeout_minutes"),
        ({"iterations": "many"}, "many"),
        ({"iterations": "0"}, "iterations is 0"),
        ({"dataset_version": "newest"}, "newest"),
        ({"experiment_timeout_minutes": "0"}, "experiment_timeout_minutes is 0"),
    ],
)
def test_parameters_that_cannot_be(
    workspace: Workspace, dataset: DatasetVersion, parameters: dict[str, str], words: str
) -> None:
    pipeline = workspace.publish_pipeline(definition("contract-once"))
    with pytest.raises(InvalidRequest, match=words):
        workspace.submit_pipeline(
            pipeline.endpoint, PipelineSubmission(parameters=parameters), submission_key="contract-parameters"
        )


def test_a_dataset_version_that_is_not_there(workspace: Workspace, dataset: DatasetVersion) -> None:
    pipeline = workspace.publish_pipeline(definition("contract-once"))
    with pytest.raises(InvalidRequest, match="99"):
        workspace.submit_pipeline(
            pipeline.endpoint, PipelineSubmission(parameters={"dataset_version": "99"}), submission_key="contract-99"
        )


def test_an_endpoint_that_is_none_of_this_workspace(workspace: Workspace, dataset: DatasetVersion) -> None:
    pipeline = workspace.publish_pipeline(definition("contract-once"))
    path = pipeline.endpoint.split("/", 3)[3]
    for foreign in (f"https://elsewhere.example/{path}", f"http://127.0.0.1:1/{path}", path, "", "http://[::1"):
        with pytest.raises(InvalidRequest):
            workspace.submit_pipeline(foreign, PipelineSubmission(), submission_key="contract-foreign")
    for unknown in (pipeline.endpoint, pipeline.pipeline_endpoint):
        other = unknown.rsplit("/", 1)[0] + "/00000000-0000-0000-0000-000000000000"
        with pytest.raises(NotFound):
            workspace.submit_pipeline(other, PipelineSubmission(), submission_key="contract-foreign")


def test_data_that_became_unusable_is_told_at_the_submission(workspace: Workspace, tmp_path: Path) -> None:
    workspace.ensure_compute(ComputeTarget(name=COMPUTE, max_nodes=1))
    write_rows(tmp_path / "a.csv", 200)
    workspace.register_dataset("contract-turned", DatasetSource(path=str(tmp_path / "a.csv")))
    pipeline = workspace.publish_pipeline(definition("contract-turned", dataset_name="contract-turned"))
    write_rows(tmp_path / "a.csv", 200, classes=1)
    workspace.register_dataset("contract-turned", DatasetSource(path=str(tmp_path / "a.csv")))
    with pytest.raises(InvalidRequest, match="one class"):
        workspace.submit_pipeline(pipeline.endpoint, PipelineSubmission(), submission_key="contract-turned")
