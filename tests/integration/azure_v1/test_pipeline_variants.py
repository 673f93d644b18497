"""Pipelines of the Azure adapter, on a local Azure ML: what the contract does not show."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.azure_server import AzureServer
from tests.contract.conftest import LABEL, settle, write_rows
from tests.sdk_script import run_sdk

from azureml_workspace.azure_v1.published import Endpoint, Origin, PublishedPipelines
from azureml_workspace.azure_v1.steps import SCRIPT, SOURCE
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import Conflict, InvalidRequest, ServiceUnavailable
from azureml_workspace.records import (
    AutoMLConfig,
    ComputeTarget,
    DatasetSource,
    PipelineDefinition,
    PipelineSubmission,
    PublishedPipeline,
    Run,
)
from azureml_workspace.statuses import PipelineStatus, RunStatus

pytestmark = pytest.mark.integration

COMPUTE = "variants"
ONE_TRIAL = PipelineSubmission(parameters={"iterations": "1", "dataset_version": "latest"})


@pytest.fixture(scope="module")
def azure(azure_server: AzureServer, tmp_path_factory: pytest.TempPathFactory) -> AzureWorkspace:
    """The adapter, with the first version of a dataset."""
    workspace = azure_server.azure_workspace()
    assert isinstance(workspace, AzureWorkspace)
    path = tmp_path_factory.mktemp("variants") / "shop.csv"
    write_rows(path, 300)
    workspace.register_dataset("variants-shop", DatasetSource(path=str(path)))
    workspace.ensure_compute(ComputeTarget(name=COMPUTE, max_nodes=2))
    return workspace


def definition(name: str, **given: Any) -> PipelineDefinition:
    automl = AutoMLConfig(
        dataset_name="variants-shop", label_column_name=LABEL, experiment_timeout_minutes=0.25, iterations=2,
        compute_target=COMPUTE,
    )  # fmt: skip
    return replace(PipelineDefinition(name=name, automl=automl, model_name=name, experiment_name="variants"), **given)


def entities(azure: AzureWorkspace, name: str) -> list[str]:
    """Names of all pipelines on Azure that begin so."""
    return sorted(one.name for one in azure._published.list_all() if one.name.startswith(name))


@pytest.fixture(scope="module")
def base(azure: AzureWorkspace) -> PublishedPipeline:
    return azure.publish_pipeline(definition("variants-limits", model_tags={"team": "variants"}))


@pytest.fixture(scope="module")
def variant_run(azure: AzureWorkspace, base: PublishedPipeline) -> Run:
    """A completed run of `base` with one trial, where two were published."""
    run = azure.submit_pipeline(base.pipeline_endpoint, ONE_TRIAL, submission_key="variants-1")
    run = settle(lambda: azure.get_run(run.run_id), lambda seen: seen.status.is_terminal, seconds=90)
    assert run.status is RunStatus.COMPLETED, run.error
    return run


def test_other_limits_run_a_variant_that_is_no_version(
    azure: AzureWorkspace, base: PublishedPipeline, variant_run: Run
) -> None:
    again = azure.submit_pipeline(base.endpoint, ONE_TRIAL, submission_key="variants-2")
    azure.cancel_run(again.run_id)
    assert len(entities(azure, "variants-limits")) == 2, "one variant serves both"
    assert [one.version for one in azure.list_pipelines("variants-limits")] == [1]
    assert azure.find_pipeline("variants-limits") == base
    # What it says is what was published: nobody publishes it again.
    assert azure.publish_pipeline(base.definition) == base


def test_its_result_is_that_of_the_pipeline(azure: AzureWorkspace, base: PublishedPipeline, variant_run: Run) -> None:
    result = azure.pipeline_result(variant_run.run_id)
    assert (result.pipeline_id, result.pipeline_name, result.pipeline_version) == (base.pipeline_id, base.name, 1)
    assert result.dataset_version == 1
    trials = [trial for trial in azure.list_child_runs(result.automl.run_id) if trial.algorithm != "VotingEnsemble"]
    assert len(trials) == 1
    assert result.model.tags["team"] == "variants"
    _, register = azure.list_step_runs(variant_run.run_id)
    log = azure.run_log(register.run_id or "", "logs/step.log")
    assert "register_model.py of step register_model is not run here" in log


def test_the_script_that_azure_runs_does_what_the_engine_does_in_its_place(
    azure: AzureWorkspace, azure_server: AzureServer, variant_run: Run, tmp_path: Path
) -> None:
    automl, register = azure.list_step_runs(variant_run.run_id)
    tags = base64.urlsafe_b64encode(json.dumps({"team": "a 'b' {c} $d"}).encode()).decode()
    script = f"""
    import runpy, sys
    from azureml.core import Run
    step = Run.get(ws, {register.run_id!r})
    Run.get_context = classmethod(lambda cls, *_, **__: step)
    for _ in range(2):
        sys.argv = ["register_model.py", "--model-name", "variants-script", "--tags", {tags!r},
                    "--automl-step", "automl", "--best-model", "unused"]
        try:
            runpy.run_path({str(SOURCE / SCRIPT)!r}, run_name="__main__")
        except SystemExit as ended:
            answer([ended.code, json.load(open("outputs/model.json"))])
    """
    first, second = run_sdk(azure_server, tmp_path, script)
    assert first == second
    code, written = first
    assert code == 0
    assert (written["name"], written["version"], written["run_id"]) == ("variants-script", 1, automl.run_id)
    model = azure.get_model("variants-script")
    result = azure.pipeline_result(variant_run.run_id)
    assert (model.version, model.run_id) == (1, automl.run_id)
    assert model.tags["team"] == "a 'b' {c} $d"
    assert model.tags["best_child_run_id"] == result.automl.best_child_run_id
    # Registering the run again finds what the script registered.
    assert azure.register_model("variants-script", automl.run_id or "").version == 1


def test_the_values_that_were_published_are_no_variant(azure: AzureWorkspace) -> None:
    base = azure.publish_pipeline(definition("variants-same"))
    given = {
        "iterations": "2",
        "dataset_version": "1",
        "experiment_timeout_minutes": "0.25",
        "max_concurrent_iterations": "",
    }
    run = azure.submit_pipeline(base.endpoint, PipelineSubmission(parameters=given), submission_key="variants-same")
    azure.cancel_run(run.run_id)
    assert entities(azure, "variants-same") == ["variants-same"]


def test_new_data_runs_a_variant(azure: AzureWorkspace, tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", 200)
    azure.register_dataset("variants-drops", DatasetSource(path=str(tmp_path / "a.csv")))
    automl = replace(definition("x").automl, dataset_name="variants-drops")
    base = azure.publish_pipeline(definition("variants-drops", automl=automl))
    write_rows(tmp_path / "a.csv", 210)
    azure.register_dataset("variants-drops", DatasetSource(path=str(tmp_path / "a.csv")))
    run = azure.submit_pipeline(base.pipeline_endpoint, PipelineSubmission(), submission_key="variants-drops")
    azure.cancel_run(run.run_id)
    (variant,) = [one for one in azure._published.list_all() if one.name.startswith("variants-drops.v1.")]
    assert variant.made_from is not None
    assert (variant.made_from.dataset_version, variant.made_from.variant_of) == (2, base.pipeline_id)


def test_a_publication_that_was_cut_off_is_taken_up(azure: AzureWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(self: PublishedPipelines, name: str, pipeline_id: str) -> Endpoint:
        raise ServiceUnavailable("the connection was lost")

    with monkeypatch.context() as patched:
        patched.setattr(PublishedPipelines, "make_default", cut_off)
        with pytest.raises(ServiceUnavailable):
            azure.publish_pipeline(definition("variants-cut"))
    assert not azure.list_pipelines("variants-cut")[0].is_default
    taken_up = azure.publish_pipeline(definition("variants-cut"))
    assert (taken_up.version, taken_up.is_default) == (1, True)
    assert len(entities(azure, "variants-cut")) == 1


def test_two_that_published_the_same_version_are_told_apart_by_their_ids(azure: AzureWorkspace) -> None:
    first = azure.publish_pipeline(definition("variants-twice"))
    origin = Origin(definition=definition("variants-twice", description="other"), dataset_version=1)
    second = azure._publish(origin, "variants-twice", "1")
    with pytest.raises(Conflict, match=rf"{first.pipeline_id}|{second.pipeline_id}"):
        azure.find_pipeline("variants-twice", 1)
    assert azure.find_pipeline("variants-twice") == first
    azure.set_pipeline_status(second.pipeline_id, PipelineStatus.DISABLED)
    assert azure.find_pipeline("variants-twice", 1) == first


def test_the_key_of_another_pipeline_is_refused(azure: AzureWorkspace) -> None:
    first, second = (azure.publish_pipeline(definition(name)) for name in ("variants-key-a", "variants-key-b"))
    run = azure.submit_pipeline(first.endpoint, PipelineSubmission(), submission_key="variants-key")
    with pytest.raises(Conflict, match="variants-key-a"):
        azure.submit_pipeline(second.endpoint, PipelineSubmission(), submission_key="variants-key")
    azure.cancel_run(run.run_id)


def test_what_others_published_is_not_guessed_at(azure: AzureWorkspace, azure_server: AzureServer) -> None:
    native = azure_server.workspace().publish_pipeline(definition("variants-foreign"))
    endpoint = next(one.url for one in azure._published.list_all() if one.name == "variants-foreign")
    assert azure.list_pipelines("variants-foreign") == []
    for call in (
        lambda: azure.get_pipeline(native.pipeline_id),
        lambda: azure.submit_pipeline(endpoint, PipelineSubmission(), submission_key="variants-foreign"),
    ):
        with pytest.raises(InvalidRequest, match="was not published by airflow-azureml"):
            call()
