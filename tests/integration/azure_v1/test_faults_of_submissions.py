"""What becomes of a submission key when the SDK's requests for an AutoML run go wrong."""

from __future__ import annotations

import os
import signal
import threading

import anyio
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.azure_wire.faults import answers
from tests.azure_wire.server import WireServer
from tests.contract.conftest import LABEL, write_rows
from tests.local_server import eventually

from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.submissions import ATTEMPT_PROPERTY, HASH_PROPERTY, properties_of
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import ServiceUnavailable, WorkspaceError
from azureml_workspace.records import AutoMLSettings, ComputeTarget, DatasetSource
from azureml_workspace.statuses import RunStatus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

CREATE, START = r"^POST .*/experimentids/[^/]+/run$", r"^POST .*/submitSnapshotRun$"
EXPERIMENT = "submissions"


@pytest.fixture(scope="module")
def opened(wire_server: WireServer) -> AzureWorkspace:
    return wire_server.workspace()


@pytest.fixture(scope="module")
def settings(opened: AzureWorkspace, tmp_path_factory: pytest.TempPathFactory) -> AutoMLSettings:
    path = tmp_path_factory.mktemp("submissions") / "shop.csv"
    write_rows(path, 200)
    dataset = opened.register_dataset("submissions-shop", DatasetSource(path=str(path)))
    opened.ensure_compute(ComputeTarget(name="submissions"))
    return AutoMLSettings(
        experiment_name=EXPERIMENT,
        dataset_name=dataset.name,
        dataset_version=dataset.version,
        label_column_name=LABEL,
        experiment_timeout_minutes=0.5,
        compute_target="submissions",
    )


async def fails_after_work(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """A gateway that gave up, while the request was carried out."""

    async def nowhere(_: Message) -> None:
        """The answer is lost."""

    await app(scope, receive, nowhere)
    await answers(503)(app, scope, receive, send)


async def hangs(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """For longer than anybody waits here, and nothing is done."""
    await anyio.sleep(60)
    await answers(503)(app, scope, receive, send)


def runs_of(workspace: AzureWorkspace, key: str) -> dict[str, HistoryRun]:
    """Every run that was created for this key."""
    wanted = properties_of(key)[HASH_PROPERTY]
    return {run.run_id: run for run in workspace._history.with_property(EXPERIMENT, HASH_PROPERTY, wanted)}


def test_a_request_that_the_sdk_repeats_leaves_one_run(
    wire: WireServer, opened: AzureWorkspace, settings: AutoMLSettings
) -> None:
    """The answer to the first creation is lost, after the run was created."""
    key = "repeated"
    lost = wire.script.add(CREATE, fails_after_work, times=1)
    run = opened.submit_automl(settings, submission_key=key)
    try:
        created = runs_of(opened, key)
        assert lost.met == 1
        assert len(created) == 2, "the SDK repeats its request"
        assert len({one.properties[ATTEMPT_PROPERTY] for one in created.values()}) == 1
        (second,) = created.keys() - {run.run_id}
        assert created[second].status is RunStatus.CANCELED
        assert [one.run_id for one in wire.engine.runs.list_all()] == [run.run_id]
        assert opened.submit_automl(settings, submission_key=key).run_id == run.run_id
    finally:
        opened.cancel_run(run.run_id)


def test_a_run_that_cannot_be_started_is_in_nobodys_way(
    wire: WireServer, opened: AzureWorkspace, settings: AutoMLSettings
) -> None:
    key = "unstarted"
    wire.script.add(START, answers(500))
    with pytest.raises(WorkspaceError, match="scripted"):
        opened.submit_automl(settings, submission_key=key)
    (left,) = runs_of(opened, key).values()
    assert left.status.is_terminal
    wire.script.clear()
    run = opened.submit_automl(settings, submission_key=key)
    assert run.run_id != left.run_id
    opened.cancel_run(run.run_id)


@pytest.mark.parametrize("whole", [False, True], ids=["the SDK's process", "the whole task"])
def test_a_submitter_that_dies_between_creation_and_start(
    wire: WireServer, opened: AzureWorkspace, settings: AutoMLSettings, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    key = f"orphan-{whole}"
    starting = wire.script.add(START, hangs)

    def kill() -> None:
        eventually(lambda: starting.met, seconds=60, what="the request")
        process = opened._azure.sdk._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with monkeypatch.context() as patch:
        if whole:  # nobody is left to clean up
            patch.setattr(type(opened._submissions), "_clean_up", lambda *_: None)
        with pytest.raises(ServiceUnavailable, match="was killed"):
            opened.submit_automl(settings, submission_key=key)
    killer.join()
    wire.script.clear()
    (orphan,) = runs_of(opened, key).values()
    if whole:
        assert orphan.status is RunStatus.NOT_STARTED
        with pytest.raises(ServiceUnavailable, match=f"under way: it created run {orphan.run_id}"):
            opened.submit_automl(settings, submission_key=key)
        found = opened.find_run(key)
        assert found is not None, "who gives the task up has to find it"
        opened.cancel_run(found.run_id)
        assert opened.get_run(found.run_id).status is RunStatus.CANCELED
    else:
        assert orphan.status is RunStatus.CANCELED
    run = opened.submit_automl(settings, submission_key=key)
    assert run.run_id != orphan.run_id
    opened.cancel_run(run.run_id)
