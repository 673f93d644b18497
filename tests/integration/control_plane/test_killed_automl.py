"""The real AutoML engine under the real server, killed in the middle."""

from __future__ import annotations

import os
import random
import signal
import uuid
from pathlib import Path

import pytest
from tests.integration.control_plane.conftest import MakeServer, automl_step, ended, job_pid, reaches
from tests.local_server import LocalServer, eventually, processes_of

from azureml_local.jobs.leftovers import temporary_folder
from azureml_local.paths import Home
from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.records import (
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    PipelineDefinition,
    PipelineSubmission,
)
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration

SECONDS = 12


@pytest.fixture
def server(make_server: MakeServer, tmp_path: Path) -> LocalServer:
    server = make_server(fake_jobs=False).start()
    rng = random.Random(1)
    lines = ["age,job,balance,y"]
    for _ in range(1500):
        age, balance, worker = rng.randint(18, 90), rng.gauss(0, 1000), rng.choice(("admin", "technician", "retired"))
        label = "yes" if age / 90 + balance / 3000 + rng.gauss(0, 0.3) > 0.7 else "no"
        lines.append(f"{age},{worker},{balance:.2f},{label}")
    path = tmp_path / "clients.csv"
    path.write_text("\n".join(lines) + "\n")
    server.workspace().register_dataset("clients", DatasetSource(path=str(path)))
    server.workspace().ensure_compute(ComputeTarget(name="cpu-cluster"))
    return server


def submit(workspace: LocalWorkspace) -> str:
    """Submit a run and wait until it is in the middle of its search."""
    settings = AutoMLSettings(
        experiment_name="killed",
        dataset_name="clients",
        dataset_version=1,
        label_column_name="y",
        experiment_timeout_minutes=SECONDS / 60,
    )
    run_id = workspace.submit_automl(settings, submission_key=uuid.uuid4().hex).run_id

    def is_searching() -> bool:
        progress = workspace.automl_progress(run_id)
        return progress.phase == "search" and progress.trials_done > 0

    eventually(is_searching, what="its search")
    return run_id


def test_a_killed_server_costs_an_automl_run_nothing(server: LocalServer) -> None:
    run_id = submit(server.workspace())
    pid = job_pid(server, run_id)
    server.kill()
    again = server.start().workspace()
    run = ended(again, run_id)
    assert (run.status, run.error) == (RunStatus.COMPLETED, "")
    assert job_pid(server, run_id) == pid
    result = again.automl_result(run_id)
    children = again.list_child_runs(run_id)
    assert [child.iteration for child in children] == list(range(result.child_runs))
    assert result.best_child_run_id in {child.run_id for child in children}
    assert again.register_model("clients", run_id).version == 1


def test_a_killed_server_costs_a_pipeline_run_nothing(server: LocalServer) -> None:
    automl = {"dataset_name": "clients", "label_column_name": "y", "experiment_timeout_minutes": SECONDS / 60}
    definition = {"name": "clients", "automl": automl, "model_name": "clients", "experiment_name": "killed"}
    published = server.workspace().publish_pipeline(PipelineDefinition.from_dict(definition))
    run_id = (
        server.workspace()
        .submit_pipeline(published.pipeline_endpoint, PipelineSubmission(), submission_key="pipeline")
        .run_id
    )
    reaches(server.workspace(), automl_step(server.workspace(), run_id), RunStatus.RUNNING)
    server.kill()
    again = server.start().workspace()
    run = ended(again, run_id)
    assert (run.status, run.error) == (RunStatus.COMPLETED, "")
    assert len(list((server.home / "runs").glob("AutoML_*"))) == 1
    result = again.pipeline_result(run_id)
    assert result.model == again.get_model("clients")
    assert result.automl.metrics["AUC_weighted"] > 0.6
    assert again.get_model("clients").version == 1


def test_a_killed_automl_job_fails_honestly_and_leaves_no_process(server: LocalServer) -> None:
    workspace = server.workspace()
    run_id = submit(workspace)
    temporary = temporary_folder(Home(server.home), run_id)
    assert list(temporary.glob("pymp-*")), "the job keeps its sockets elsewhere"
    os.kill(job_pid(server, run_id), signal.SIGKILL)
    run = ended(workspace, run_id)
    assert not temporary.exists()
    assert run.status is RunStatus.FAILED
    assert "SIGKILL" in run.error
    eventually(lambda: not processes_of(server.home / "runs" / run_id), what="the end of the job's workers")
