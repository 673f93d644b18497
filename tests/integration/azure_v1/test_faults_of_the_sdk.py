"""What goes wrong between the SDK, its own process and Azure, and which error it ends in within the deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from tests.azure_wire.faults import Act, answers, is_cut, is_slow, sends
from tests.azure_wire.server import WireServer
from tests.local_server import eventually

from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.sdk_process import LOG_FILE, SdkProcess
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    WorkspaceError,
)
from azureml_workspace.records import DatasetSource

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

CREATE = r"^PUT .*/computes/"
LONG = 60.0
TARGET = {"vm_size": "STANDARD_DS12_V2", "min_nodes": 0, "max_nodes": 1, "idle_seconds": 120}


@pytest.fixture(scope="module")
def opened(wire_server: WireServer) -> AzureWorkspace:
    return wire_server.workspace()


@pytest.fixture
def sdk(wire: WireServer, opened: AzureWorkspace) -> SdkProcess:
    return opened._azure.sdk


def create(sdk: SdkProcess, name: str, *, seconds: float = LONG) -> None:
    """An SDK call with one request that matters."""
    sdk.call("create_compute", {"name": name, **TARGET}, seconds=seconds)


def pid_of(sdk: SdkProcess) -> int:
    assert sdk._process is not None
    return sdk._process.pid


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answers(400), InvalidRequest),
        (answers(403), Unauthorized),
        (answers(404), NotFound),
        (answers(409), Conflict),
    ],
)
def test_a_refusal_has_its_kind(wire: WireServer, sdk: SdkProcess, fault: Act, kind: type[WorkspaceError]) -> None:
    wire.script.add(CREATE, fault)
    with pytest.raises(kind, match="scripted"):
        create(sdk, "refused")


@pytest.mark.parametrize("fault", [answers(500), answers(503), answers(429, Retry_After="600"), is_cut(), is_slow(30)])
def test_a_trouble_that_lasts_ends_at_the_deadline_at_the_latest(wire: WireServer, sdk: SdkProcess, fault: Act) -> None:
    create(sdk, "warm")
    wire.script.add(CREATE, fault)
    with pytest.raises((ServiceUnavailable, Throttled)):
        create(sdk, "late", seconds=4)
    wire.script.clear()
    create(sdk, "after")


def test_throttled_is_told_long_before_the_deadline(wire: WireServer, opened: AzureWorkspace, tmp_path: Path) -> None:
    """The SDK by itself repeats in silence for 224 s."""
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n")
    wire.script.add(r"/dataset/", answers(429))
    with pytest.raises(Throttled):
        opened.register_dataset("throttled", DatasetSource(path=str(tmp_path / "rows.csv")))


def test_a_process_that_is_late_is_ended(wire: WireServer, sdk: SdkProcess) -> None:
    create(sdk, "warm")
    late = pid_of(sdk)
    wire.script.add(CREATE, is_slow(30))
    with pytest.raises(ServiceUnavailable, match="did not finish create_compute within 1 s"):
        create(sdk, "late", seconds=1)
    assert not psutil.pid_exists(late)
    wire.script.clear()
    create(sdk, "after")
    assert "after" in {target.name for target in wire.engine.computes.list_all()}


def test_a_process_that_dies_is_replaced(wire: WireServer, sdk: SdkProcess) -> None:
    create(sdk, "warm")
    slow = wire.script.add(CREATE, is_slow(30))
    victim = pid_of(sdk)

    def kill() -> None:
        eventually(lambda: slow.met, what="the request")
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ServiceUnavailable, match=r"was killed, perhaps because .* memory, during create_compute"):
        create(sdk, "killed")
    killer.join()
    wire.script.clear()
    create(sdk, "after")


def test_a_process_that_died_between_two_calls_is_not_noticed(sdk: SdkProcess) -> None:
    create(sdk, "warm")
    os.kill(pid_of(sdk), signal.SIGKILL)
    eventually(lambda: sdk._process is not None and sdk._process.poll() is not None, what="the end of the process")
    create(sdk, "after")


def test_a_stopped_task_leaves_no_half_answer_behind(wire: WireServer, sdk: SdkProcess) -> None:
    create(sdk, "warm")
    stopped = pid_of(sdk)
    slow = wire.script.add(CREATE, is_slow(30))

    def stop() -> None:
        eventually(lambda: slow.met, what="the request")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    class Stopped(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, interrupt)
    stopper = threading.Thread(target=stop)
    try:
        stopper.start()
        with pytest.raises(Stopped):
            create(sdk, "stopped")
        stopper.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not psutil.pid_exists(stopped)


def test_a_sign_in_that_fails_meanwhile_is_told_and_leaves_the_next_call_alone(wire: WireServer) -> None:
    settings = wire.azure_settings()
    good = wire.workspace()._azure.rest._token
    broken = [Unauthorized("the secret has expired")]

    def token() -> str:
        if broken:
            raise broken.pop()
        return good.get()

    sdk = SdkProcess(settings, cloud_of(settings), token)
    with pytest.raises(Unauthorized, match="the secret has expired"):
        create(sdk, "unsigned")
    create(sdk, "signed")
    sdk.close()


def test_another_call_is_not_waited_for_longer_than_its_deadline(wire: WireServer, sdk: SdkProcess) -> None:
    create(sdk, "warm")
    slow = wire.script.add(CREATE, is_slow(8), times=1)
    first = threading.Thread(target=create, args=(sdk, "first"))
    first.start()
    eventually(lambda: slow.met, what="the request")
    with pytest.raises(ServiceUnavailable, match="busy with another call"):
        create(sdk, "second", seconds=0.5)
    first.join()


def test_a_misnamed_cloud_is_not_the_public_one(wire: WireServer) -> None:
    """The SDK itself would take it for AzureCloud."""
    settings = wire.azure_settings()
    cloud = cloud_of(settings)
    from dataclasses import replace

    sdk = SdkProcess(settings, replace(cloud, name="NoSuchCloud"), lambda: pytest.fail("a token was asked for"))
    with pytest.raises(WorkspaceError, match="NoSuchCloud"):
        create(sdk, "nowhere")
    sdk.close()


def test_a_folder_that_cannot_be_made_is_named(wire: WireServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match=r"file/sdk for its caches .*extra state_dir"):
        create(wire.workspace(state_dir=str(tmp_path / "file" / "sdk"))._azure.sdk, "homeless")


USES_THE_SDK = """
import sys
from tests.azure_wire.server import TOKEN
from azureml_workspace.connect import open_workspace
from azureml_workspace.records import ComputeTarget
from azureml_workspace.settings import AzureSettings, WorkspaceSettings
import json
azure = AzureSettings(**json.loads(sys.argv[1]))
workspace = open_workspace(WorkspaceSettings(backend="azure_v1", azure=azure))
workspace.ensure_compute(ComputeTarget(name=sys.argv[2]))
loaded = [name for name in sys.modules if name.partition(".")[0] == "azureml"]
assert loaded == [], loaded
"""


def start(wire: WireServer, home: Path, name: str) -> subprocess.Popen[str]:
    import json
    from dataclasses import asdict

    script = home.parent / "uses_the_sdk.py"
    script.write_text(USES_THE_SDK)
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(
        [sys.executable, str(script), json.dumps(asdict(wire.azure_settings())), name],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_prints_nothing_and_leaves_nothing_in_the_home_folder(wire: WireServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    process = start(wire, home, "quiet")
    output, _ = process.communicate(timeout=90)
    assert (process.returncode, output) == (0, "")
    assert list(home.rglob("*")) == []
    assert "quiet" in {target.name for target in wire.engine.computes.list_all()}
    state = Path(wire.azure_settings().state_dir)
    assert (state / LOG_FILE).stat().st_mode & 0o077 == 0
    assert state.stat().st_mode & 0o077 == 0


def test_it_dies_with_its_parent(wire: WireServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    slow = wire.script.add(CREATE, is_slow(40))
    process = start(wire, home, "orphan")
    eventually(lambda: slow.met, what="the request", seconds=60)
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the end of the child")


def test_what_is_not_for_the_sdk_is_not_in_its_environment(wire: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    withheld = {
        "AIRFLOW_CONN_AZUREML_DEFAULT": "azureml://:hush@h",
        "AZURE_CLIENT_SECRET": "hush",
        "MSI_SECRET": "hush",
        "ARM_CLOUD_METADATA_URL": "http://elsewhere.example/metadata",
        "XDG_CACHE_HOME": "/elsewhere",
    }
    for name, value in withheld.items():
        monkeypatch.setenv(name, value)
    sdk = wire.workspace()._azure.sdk
    create(sdk, "clean")
    environment = psutil.Process(pid_of(sdk)).environ()
    temporary = Path(environment["TMPDIR"])
    assert temporary.is_relative_to(wire.azure_settings().state_dir)
    (temporary / "left-behind").write_text("")
    sdk.close()
    assert not temporary.exists()
    assert {name: environment[name] for name in withheld if name in environment} == {
        "ARM_CLOUD_METADATA_URL": wire.azure_settings().cloud_metadata_url
    }
    assert environment["HBI_WORKSPACE_JOB"] == "true"
    assert environment["AZUREML_DATA_ACCESS_INTERACT_TIMEOUT"] == "1"


def test_a_datastore_that_keeps_no_key_is_refused_at_once(
    wire: WireServer, opened: AzureWorkspace, tmp_path: Path
) -> None:
    """The SDK would wait for a person to sign in."""
    place = {"accountName": "a", "containerName": "c", "endpoint": "core.windows.net", "protocol": "https"}
    keyless = {
        "name": "workspaceblobstore",
        "dataStoreType": "AzureBlob",
        "azureStorageSection": {**place, "credentialType": "None", "accountKey": "", "sasToken": "", "isSas": False},
    }
    wire.script.add(r"^GET .*/datastore/.*/default$", sends(keyless))
    data = tmp_path / "rows.csv"
    data.write_text("x,y\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(60)))
    with pytest.raises(InvalidRequest, match=r"'workspaceblobstore' keeps neither an account key nor a SAS"):
        opened.register_dataset("keyless", DatasetSource(path=str(data)))
