"""AutoML through the unmodified SDK, on the engine's own training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.azure_server import AzureServer
from tests.contract.conftest import write_rows
from tests.local_server import eventually
from tests.sdk_script import run_sdk

from azureml_workspace.records import AutoMLSettings, ComputeTarget, DatasetSource
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration

EXPERIMENT = "sdk-automl"
_CONFIGURATION = """
from azureml.core import Dataset, Experiment
from azureml.core.compute import ComputeTarget
from azureml.train.automl import AutoMLConfig
from azureml.train.automl.run import AutoMLRun

experiment = Experiment(ws, "sdk-automl")

def configured(**given):
    settings = dict(
        task="classification",
        primary_metric="AUC_weighted",
        training_data=Dataset.get_by_name(ws, "sdk-automl-shop"),
        label_column_name="bought",
        compute_target=ComputeTarget(ws, "sdk-automl"),
        experiment_timeout_hours=0.25,
        iterations=2,
        allowed_models=["LogisticRegression", "DecisionTree"],
        n_cross_validations=3,
    )
    return AutoMLConfig(**{**settings, **given})
"""


@dataclass(frozen=True)
class Submitted:
    """What the SDK said of a run that it submitted and waited for."""

    run_id: str
    said: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def data(azure_server: AzureServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sdk-automl") / "shop.csv"
    write_rows(path, 400)
    workspace = azure_server.workspace()
    workspace.register_dataset("sdk-automl-shop", DatasetSource(path=str(path)))
    workspace.ensure_compute(ComputeTarget(name="sdk-automl"))


@pytest.fixture(scope="module")
def submitted(azure_server: AzureServer, data: None, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    folder = tmp_path_factory.mktemp("sdk-automl-run")
    script = """
    run = experiment.submit(configured(), tags={"drop": "7"}, show_output=False)
    details = run.wait_for_completion()
    best = run.get_best_child()
    best.download_file("outputs/model.pkl", "model.pkl")
    answer({
        "run": run.id,
        "status": details["status"],
        "logs": sorted(details["logFiles"]),
        "tags": run.get_tags(),
        "children": [child.id for child in run.get_children()],
        "best": best.id,
        "best_by_accuracy": run.get_best_child(metric="accuracy").id,
        "metrics": run.get_metrics(),
        "all_metrics": run.get_metrics(recursive=True),
        "summary": run.summary(),
        "files": best.get_file_names(),
        "files_of_run": run.get_file_names(),
        "guardrails": run.get_guardrails(to_console=False),
        "listed": [found.id for found in experiment.get_runs(tags={"drop": "7"})],
    })
    """
    said = run_sdk(azure_server, folder, _script(script))[0]
    return Submitted(run_id=said["run"], said=said, folder=folder)


def _script(text: str) -> str:
    return _CONFIGURATION + "\n".join(line.removeprefix("    ") for line in text.splitlines())


def test_the_sdk_submits_a_run_of_the_engine(azure_server: AzureServer, submitted: Submitted) -> None:
    run = azure_server.workspace().get_run(submitted.run_id)
    assert (run.status, run.experiment_name, run.run_type) == (RunStatus.COMPLETED, EXPERIMENT, "automl")
    assert submitted.said["status"] == "Completed"
    assert submitted.said["tags"]["drop"] == "7"
    assert submitted.said["listed"] == [submitted.run_id]
    assert submitted.said["logs"] == ["logs/job.log"]


def test_trials_and_their_metrics_are_the_engines(azure_server: AzureServer, submitted: Submitted) -> None:
    said, workspace = submitted.said, azure_server.workspace()
    trials = {child.run_id: child for child in workspace.list_child_runs(submitted.run_id)}
    result = workspace.automl_result(submitted.run_id)
    assert set(said["children"]) == set(trials)
    assert said["best"] == result.best_child_run_id
    assert said["best_by_accuracy"] == max(trials.values(), key=lambda trial: trial.metrics["accuracy"]).run_id
    assert said["metrics"] == pytest.approx(trials[said["best"]].metrics)
    for run_id, trial in trials.items():
        assert said["all_metrics"][run_id] == pytest.approx(trial.metrics)
    assert {algorithm for algorithm, _, _ in said["summary"]} == {trial.algorithm for trial in trials.values()}
    assert {algorithm: score for algorithm, _, score in said["summary"]}[result.best_algorithm] == pytest.approx(
        trials[said["best"]].score
    )


def test_the_best_child_has_the_model(azure_server: AzureServer, submitted: Submitted) -> None:
    files = set(submitted.said["files"])
    assert {"outputs/model.pkl", "outputs/scoring_file_v_1_0_0.py", "outputs/conda_env_v_1_0_0.yml"} <= files
    model = (submitted.folder / "model.pkl").read_bytes()
    original = azure_server.workspace().read_run_file(submitted.run_id, "outputs/model.pkl")
    assert hashlib.sha256(model).digest() == hashlib.sha256(original).digest()


def test_guardrails_are_the_engines_findings(azure_server: AzureServer, submitted: Submitted) -> None:
    findings = azure_server.workspace().automl_result(submitted.run_id).findings
    told = [fault["friendly_result"] for fault in submitted.said["guardrails"]["faults"]]
    assert told
    assert set(told) <= {finding.message for finding in findings}


def test_what_cannot_work_is_refused_before_there_is_a_run(
    azure_server: AzureServer, data: None, tmp_path: Path
) -> None:
    script = """
    for given in (
        {"label_column_name": "price"},
        {"task": "regression", "primary_metric": "r2_score", "allowed_models": None},
        {"test_size": 0.2},
    ):
        try:
            answer(Experiment(ws, "sdk-refused").submit(configured(**given)).id)
        except Exception as error:
            answer([type(error).__name__, str(error)])
    answer([run.id for run in Experiment(ws, "sdk-refused").get_runs()])
    """
    *refused, runs = run_sdk(azure_server, tmp_path, _script(script))
    assert [kind for kind, _ in refused] == ["ValidationException"] * 3
    for (_, words), expected in zip(refused, ("'price'", "classification only", "test_size"), strict=True):
        assert expected in words
    assert runs == []


def test_the_sdk_cancels(azure_server: AzureServer, data: None, tmp_path: Path) -> None:
    script = """
    run = experiment.submit(configured(iterations=None, allowed_models=None), show_output=False)
    run.cancel()
    answer([run.id, run.wait_for_completion()["status"]])
    """
    run_id, status = run_sdk(azure_server, tmp_path, _script(script))[0]
    assert status == "Canceled"
    assert azure_server.workspace().get_run(run_id).status is RunStatus.CANCELED


def test_runs_of_the_control_plane_are_the_sdks_too(azure_server: AzureServer, data: None, tmp_path: Path) -> None:
    workspace = azure_server.workspace()
    settings = AutoMLSettings(
        experiment_name="native-automl",
        dataset_name="sdk-automl-shop",
        dataset_version=1,
        label_column_name="bought",
        experiment_timeout_minutes=0.25,
        iterations=1,
        allowed_models=("LogisticRegression",),
        compute_target="sdk-automl",
    )
    run = workspace.submit_automl(settings, submission_key="native-for-the-sdk")
    eventually(lambda: workspace.get_run(run.run_id).status is RunStatus.COMPLETED, seconds=120, what="the run")
    script = """
    run = next(iter(Experiment(ws, "native-automl").get_runs()))
    found = AutoMLRun(Experiment(ws, "native-automl"), run.id)
    best = found.get_best_child()
    best.download_files(prefix="outputs", output_directory="files")
    answer([type(run).__name__, run.id, best.id, best.get_properties()["run_algorithm"]])
    """
    said = run_sdk(azure_server, tmp_path, _script(script))[0]
    assert said == ["AutoMLRun", run.run_id, f"{run.run_id}_0", "LogisticRegression"]
    downloaded = (tmp_path / "files" / "outputs" / "model.onnx").read_bytes()
    assert downloaded == workspace.read_run_file(run.run_id, "outputs/model.onnx")
