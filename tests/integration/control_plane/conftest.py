from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.local_server import LocalServer, eventually

from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.records import (
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    PipelineDefinition,
    PipelineSubmission,
    PublishedPipeline,
    Run,
)
from azureml_workspace.statuses import RunStatus

FAKE_SERVER = (sys.executable, str(Path(__file__).with_name("fake_job_server.py")))

MakeServer = Callable[..., LocalServer]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Makes servers of the test's own (not started), all ended with everything of theirs."""
    made: list[LocalServer] = []

    def make(*, fake_jobs: bool = True, name: str = "home", **environment: str) -> LocalServer:
        server = LocalServer(tmp_path / name, environment=environment)
        if fake_jobs:
            server.command, server.options = FAKE_SERVER, ()
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """Sixty rows, two classes."""
    path = tmp_path / "people.csv"
    path.write_text("x,y\n" + "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(60)))
    return path


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with fake jobs for tests that leave it alive."""
    server = LocalServer(tmp_path_factory.mktemp("shared") / "home", command=FAKE_SERVER, options=())
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def workspace(shared_server: LocalServer, csv_file: Path) -> Iterator[LocalWorkspace]:
    """The shared server's workspace, with data and a compute target, and idle again afterwards."""
    opened = shared_server.workspace()
    prepare(opened, csv_file)
    yield opened
    for run in shared_server.request("GET", "/v1/runs").json():
        if not RunStatus.parse(run["status"]).is_terminal:
            opened.cancel_run(run["run_id"])
            ended(opened, run["run_id"])


@pytest.fixture
def own_server(make_server: MakeServer, csv_file: Path) -> LocalServer:
    """A server with fake jobs of the test's own, with data and a compute target; it may be killed."""
    server = make_server().start()
    prepare(server.workspace(), csv_file)
    return server


def prepare(workspace: LocalWorkspace, csv_file: Path, max_nodes: int = 1) -> None:
    """What a submission needs."""
    workspace.register_dataset("people", DatasetSource(path=str(csv_file)))
    workspace.ensure_compute(ComputeTarget(name="cpu-cluster", max_nodes=max_nodes))


def job(behaviour: str, **changes: object) -> AutoMLSettings:
    """Settings of a fake job; see fake_job.py for what it can do."""
    return AutoMLSettings.from_dict(
        {
            "experiment_name": behaviour,
            "dataset_name": "people",
            "dataset_version": 1,
            "label_column_name": "y",
            **changes,
        }
    )


def submit(workspace: LocalWorkspace, behaviour: str, **changes: object) -> Run:
    """Submit a fake job under a key of its own."""
    return workspace.submit_automl(job(behaviour, **changes), submission_key=uuid.uuid4().hex)


def ended(workspace: LocalWorkspace, run_id: str) -> Run:
    """The run, once it has ended."""
    return eventually(
        lambda: found if (found := workspace.get_run(run_id)).status.is_terminal else None, what="the run's end"
    )


def reaches(workspace: LocalWorkspace, run_id: str, status: RunStatus) -> None:
    """Wait for a status; fails at once when the run ends before."""

    def look() -> bool:
        found = workspace.get_run(run_id)
        assert found.status is status or not found.status.is_terminal, found
        return found.status is status

    eventually(look, what=f"status {status.value}")


def job_pid(server: LocalServer, run_id: str) -> int:
    """The process of a run's job."""
    path = server.home / "runs" / run_id / "pid.json"
    eventually(path.exists, what="pid.json")
    return int(json.loads(path.read_text())["pid"])


def let_go(server: LocalServer, run_id: str) -> None:
    """Let a job that waits go on to its end."""
    (server.home / "runs" / run_id / "go").touch()


def pipeline(workspace: LocalWorkspace, **changes: object) -> PublishedPipeline:
    """A published pipeline; the experiment that a submission names is what its fake job does."""
    definition = {
        "name": "bank",
        "automl": {"dataset_name": "people", "label_column_name": "y"},
        "model_name": "bank",
        "experiment_name": "complete",
    }
    return workspace.publish_pipeline(PipelineDefinition.from_dict(definition | changes))


def submit_pipeline(workspace: LocalWorkspace, behaviour: str, key: str | None = None) -> str:
    """Submit the pipeline through its endpoint; gives the run's id."""
    submission = PipelineSubmission(experiment_name=behaviour)
    endpoint = pipeline(workspace).pipeline_endpoint
    return workspace.submit_pipeline(endpoint, submission, submission_key=key or uuid.uuid4().hex).run_id


def automl_step(workspace: LocalWorkspace, run_id: str) -> str:
    """The AutoML run of a pipeline run, once it is there."""
    return eventually(lambda: workspace.list_step_runs(run_id)[0].run_id, what="the AutoML step")
