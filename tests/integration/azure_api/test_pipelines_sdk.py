"""Pipelines through the unmodified SDK: built, submitted, published, run over REST, their outputs downloaded."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.azure_server import AzureServer
from tests.contract.conftest import write_rows
from tests.sdk_script import run_sdk

from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import AutoMLConfig, ComputeTarget, DatasetSource, PipelineDefinition, PipelineSubmission
from azureml_workspace.statuses import PipelineStatus, RunStatus

pytestmark = pytest.mark.integration

DATASET, COMPUTE = "sdk-steps-shop", "sdk-steps"
BUILDING = """
import requests
from azureml.core import Dataset, Experiment
from azureml.core.compute import ComputeTarget
from azureml.pipeline.core import (
    Pipeline, PipelineData, PipelineEndpoint, PipelineRun, PublishedPipeline, Schedule, ScheduleRecurrence,
    TrainingOutput,
)
from azureml.pipeline.steps import AutoMLStep, AutoMLStepRun, PythonScriptStep
from azureml.train.automl import AutoMLConfig

def automl_step(**given):
    settings = dict(
        task="classification",
        primary_metric="AUC_weighted",
        training_data=Dataset.get_by_name(ws, "sdk-steps-shop"),
        label_column_name="bought",
        compute_target=ComputeTarget(ws, "sdk-steps"),
        experiment_timeout_hours=0.25,
        iterations=2,
        n_cross_validations=2,
        allowed_models=["LogisticRegression", "DecisionTree"],
        path="source",
    )
    store = ws.get_default_datastore()
    metrics = PipelineData(
        "metrics_data", datastore=store, pipeline_output_name="metrics_output",
        training_output=TrainingOutput(type="Metrics"),
    )
    model = PipelineData(
        "model_data", datastore=store, pipeline_output_name="best_model_output",
        training_output=TrainingOutput(type="Model"),
    )
    config = AutoMLConfig(**{**settings, **given})
    return AutoMLStep(name="automl_module", automl_config=config, outputs=[metrics, model])
"""


def run_script(server: AzureServer, folder: Path, script: str, published_id: str = "") -> list[Any]:
    return run_sdk(server, folder, f"FIRST = {published_id!r}\n{BUILDING}{textwrap.dedent(script)}")


@pytest.fixture(scope="module")
def folder(azure_server: AzureServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the scripts run; the data is registered natively."""
    folder = tmp_path_factory.mktemp("sdk-steps")
    (folder / "source").mkdir()
    (folder / "source" / "anything.py").write_text("print(1)\n")
    write_rows(folder / "shop.csv", 300)
    workspace = azure_server.workspace()
    workspace.register_dataset(DATASET, DatasetSource(path=str(folder / "shop.csv")))
    workspace.ensure_compute(ComputeTarget(name=COMPUTE, max_nodes=1))
    return folder


@pytest.fixture(scope="module")
def said(azure_server: AzureServer, folder: Path) -> dict[str, Any]:
    """What the SDK said of a pipeline of one AutoMLStep that was submitted, waited for and published."""
    script = """
    pipeline = Pipeline(workspace=ws, steps=[automl_step()], description="steps of a notebook")
    run = Experiment(ws, "sdk-steps").submit(pipeline)
    status = run.wait_for_completion(show_output=True)
    for name in ("metrics_output", "best_model_output"):
        output = run.get_pipeline_output(name)
        output.download(".", show_progress=False)
        answer({"output": name, "path": output.path_on_datastore})
    (step,) = run.get_steps()
    logs = step.get_details_with_logs()["logFiles"]
    automl = AutoMLStepRun(step)
    automl.get_default_metrics_output().get_port_data_reference().download("default", show_progress=False)
    again = PipelineRun(Experiment(ws, "sdk-steps"), run.id)
    published = run.publish_pipeline(name="Notebook's steps", description="from a run", version="1.0")
    answer({
        "run": run.id,
        "status": status,
        "again": again.get_status(),
        "step": [step.name, step.get_status(), step.id, step.get_properties()["StepType"]],
        "found": [found.id for found in run.find_step_run("automl_module")],
        "logs": {name: logs[name] for name in ("JOBLOG", "STDOUT", "STDERR")},
        "best": automl.get_best_child().id,
        "outputs": sorted(step.get_outputs()),
        "graph": [node.name for node in run.get_graph().nodes],
        "published": [published.id, published.name, published.version, published.status, published.endpoint],
    })
    """
    *outputs, last = run_script(azure_server, folder, script)
    return {**last, **{output["output"]: output["path"] for output in outputs}}


def test_a_pipeline_of_one_automl_step_really_trains(
    azure_server: AzureServer, said: dict[str, Any], folder: Path
) -> None:
    assert (said["status"], said["again"]) == ("Finished", "Finished")
    name, status, run_id, step_type = said["step"]
    assert (name, status, step_type) == ("automl_module", "Finished", "AutoMLStep")
    assert said["found"] == [run_id]
    assert {"metrics_data", "model_data"} <= set(said["outputs"])
    assert "automl_module" in said["graph"]
    workspace = azure_server.workspace()
    result = workspace.automl_result(run_id)
    assert said["best"] == result.best_child_run_id
    assert "submitted by pipeline run" in said["logs"]["JOBLOG"]
    assert "phase" in said["logs"]["STDOUT"]
    assert said["logs"]["STDERR"] == ""
    metrics = json.loads((folder / said["metrics_output"]).read_text())
    assert metrics[result.best_child_run_id]["AUC_weighted"] == [pytest.approx(result.metrics["AUC_weighted"])]
    assert (folder / said["best_model_output"]).read_bytes() == workspace.read_run_file(run_id, "outputs/model.pkl")
    with pytest.raises(InvalidRequest, match="registers no model"):
        workspace.pipeline_result(said["run"])


def test_it_is_seen_natively(azure_server: AzureServer, said: dict[str, Any]) -> None:
    workspace = azure_server.workspace()
    run = workspace.get_run(said["run"])
    assert (run.status, run.experiment_name, run.run_type) == (RunStatus.COMPLETED, "sdk-steps", "pipeline")
    assert [step.name for step in workspace.list_step_runs(said["run"])] == ["automl"]
    pipeline_id, name, version, status, _ = said["published"]
    assert (name, version, status) == ("Notebook's steps", "1.0", "Active")
    published = workspace.get_pipeline(pipeline_id)
    assert (published.name, published.definition.model_name) == ("Notebook-s-steps", "")
    assert sorted(published.definition.automl.allowed_models) == ["DecisionTree", "LogisticRegression"]
    # The run that was not of a published pipeline is of none that anybody could find.
    assert {pipeline.name for pipeline in workspace.list_pipelines()}.isdisjoint({"(unpublished)"})


def test_endpoints_versions_and_rest(azure_server: AzureServer, said: dict[str, Any], folder: Path) -> None:
    script = """
    first = PublishedPipeline.get(ws, FIRST)
    pipeline = Pipeline(workspace=ws, steps=[automl_step(iterations=1)])
    second = pipeline.publish(name="Notebook's steps", description="again", version="2.0")
    endpoint = PipelineEndpoint.publish(ws, name="Notebook's endpoint", pipeline=first, description="stable")
    answer([endpoint.default_version, [one.version for one in endpoint.list_versions()]])
    endpoint.add_default(second)
    endpoint = PipelineEndpoint.get(ws, name="Notebook's endpoint")
    answer([endpoint.default_version, endpoint.get_pipeline().id == second.id])
    endpoint.set_default_version("0")
    answer([PipelineEndpoint.get(ws, id=endpoint.id).get_pipeline().id == first.id])

    headers = sign_in.get_authentication_header()
    body = {"ExperimentName": "sdk-steps-rest"}
    answered = requests.post(endpoint.endpoint, headers=headers, json=body)
    run = PipelineRun(Experiment(ws, "sdk-steps-rest"), answered.json()["Id"])
    run.cancel()
    answer([answered.status_code, run.wait_for_completion(show_output=False, raise_on_error=False)])
    other = endpoint.submit("sdk-steps-rest", pipeline_version="1")
    other.cancel()
    of_second = [one.id for one in PipelineRun.get_pipeline_runs(ws, second.id)]
    answer([other.id in of_second, run.id in of_second])

    second.disable()
    answer([one.id for one in PublishedPipeline.list(ws, active_only=True)])
    refused = requests.post(second.endpoint, headers=headers, json=body)
    answer([refused.status_code, refused.json()["error"]["message"]])
    endpoint.disable()
    refused = requests.post(endpoint.endpoint, headers=headers, json=body)
    answer([refused.status_code, endpoint.id in [one.id for one in PipelineEndpoint.list(ws)]])
    answer([requests.post(first.endpoint, headers={"Authorization": "Bearer x"}, json=body).status_code, second.id])
    """
    first_id = said["published"][0]
    answers = run_script(azure_server, folder, script, first_id)
    created, added, reset, cancelled, runs, active, refused, disabled, last = answers
    assert created == ["0", ["0"]]
    assert added == ["1", True]
    assert reset == [True]
    assert cancelled == [200, "Canceled"]
    assert runs == [True, False]
    assert first_id in active
    assert last[1] not in active
    assert refused[0] == 409
    assert "Disabled" in refused[1]
    assert disabled == [409, False]
    assert last[0] == 401
    assert azure_server.workspace().get_pipeline(last[1]).status is PipelineStatus.DISABLED


def test_a_script_of_ones_own_is_refused_by_its_name(azure_server: AzureServer, folder: Path) -> None:
    script = """
    step = automl_step()
    prepare = PythonScriptStep(
        name="my preparation", script_name="anything.py", source_directory="source",
        compute_target=ComputeTarget(ws, "sdk-steps"),
    )
    pipeline = Pipeline(workspace=ws, steps=[prepare, step])
    for attempt in (
        lambda: Experiment(ws, "sdk-steps").submit(pipeline),
        lambda: pipeline.publish(name="sdk-steps-refused", description="", version="1"),
    ):
        try:
            attempt()
        except Exception as error:
            answer(str(error))
    """
    submitted, published = run_script(azure_server, folder, script)
    assert "'my preparation' (PythonScriptStep) cannot be run" in submitted
    assert "'my preparation' (PythonScriptStep) cannot be run" in published
    with pytest.raises(NotFound):
        azure_server.workspace().find_pipeline("sdk-steps-refused")


def test_what_was_published_natively_is_the_sdks(azure_server: AzureServer, folder: Path) -> None:
    workspace = azure_server.workspace()
    automl = AutoMLConfig(
        dataset_name=DATASET, label_column_name="bought", iterations=1, compute_target=COMPUTE,
        experiment_timeout_minutes=0.25,
    )  # fmt: skip
    native = workspace.publish_pipeline(
        PipelineDefinition(
            name="sdk-steps-native", automl=automl, model_name="sdk-steps-native", experiment_name="sdk-steps-native"
        )
    )
    script = f"""
    pipeline = PublishedPipeline.get(ws, {native.pipeline_id!r})
    endpoint = PipelineEndpoint.get(ws, name="sdk-steps-native")
    run = endpoint.submit("sdk-steps-native")
    status = run.wait_for_completion(show_output=False)
    steps = {{step.name: step.get_status() for step in run.get_steps()}}
    answer([pipeline.name, pipeline.version, pipeline.status, endpoint.default_version, run.id, status, steps])
    """
    ((*names, default, run_id, status, steps),) = run_script(azure_server, folder, script)
    assert names == ["sdk-steps-native", "1", "Active"]
    assert default == "1"
    assert (status, steps) == ("Finished", {"automl": "Finished", "register_model": "Finished"})
    assert workspace.pipeline_result(run_id).model.name == "sdk-steps-native"
    assert workspace.submit_pipeline(
        native.endpoint, PipelineSubmission(), submission_key="sdk-steps-native"
    ).run_id != run_id  # fmt: skip


def test_a_schedule_really_submits(azure_server: AzureServer, said: dict[str, Any], folder: Path) -> None:
    script = """
    import time
    pipeline = PublishedPipeline.get(ws, FIRST)
    schedule = Schedule.create(
        ws, name="every four hours", pipeline_id=pipeline.id, experiment_name="sdk-steps-schedule",
        recurrence=ScheduleRecurrence(frequency="Hour", interval=4), wait_for_provisioning=False,
    )
    end = time.monotonic() + 60
    while schedule.get_last_pipeline_run() is None and time.monotonic() < end:
        time.sleep(0.2)
    run = schedule.get_last_pipeline_run()
    run.cancel()
    answer([schedule.status, run.wait_for_completion(show_output=False, raise_on_error=False)])
    schedule.update(name="every day", recurrence=ScheduleRecurrence(
        frequency="Day", interval=1, time_of_day="06:30"), wait_for_provisioning=False)
    schedule = Schedule.get(ws, schedule.id)
    answer([schedule.name, schedule.recurrence.frequency, schedule.recurrence.hours, schedule.recurrence.minutes])
    schedule.disable(wait_for_provisioning=False)
    answer([one.id for one in Schedule.list(ws)])
    answer([Schedule.get(ws, schedule.id).status, [one.id for one in Schedule.list(ws, active_only=False)]])
    schedule.enable(wait_for_provisioning=False)
    schedule.disable(wait_for_provisioning=False)
    answer([len(schedule.get_pipeline_runs()), schedule.id, run.id])
    """
    answers = run_script(azure_server, folder, script, said["published"][0])
    ran, updated, active, all_of_them, (runs, schedule_id, run_id) = answers
    assert ran == ["Active", "Canceled"]
    assert updated == ["every day", "Day", [6], [30]]
    assert schedule_id not in active
    assert all_of_them[0] == "Disabled"
    assert schedule_id in all_of_them[1]
    assert runs == 1
    assert azure_server.workspace().get_run(run_id).experiment_name == "sdk-steps-schedule"
