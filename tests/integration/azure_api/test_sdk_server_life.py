"""The surface as a part of the server: its ports, and who is told of them when."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.azure_server import AzureServer
from tests.local_server import eventually, processes_of, run_cli
from tests.server_of_fake_jobs import DATASET, SCRIPT, let_go, server_of_fake_jobs

from azureml_local.azure_api.environment import read_environment
from azureml_local.paths import Home
from azureml_workspace.records import AutoMLSettings, ComputeTarget
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration

ANY_PORT = ("--port", "0", "--service-ports", "0")
SURFACE = ("--azureml-sdk", "--sdk-ports", "0")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    folder = str(tmp_path / "home")
    yield folder
    run_cli("stop", "--home", folder)


@pytest.mark.parametrize("command", ["serve", "start"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_taken_port_is_named(home: str, taken_port: int, command: str, is_first: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
    ports = f"{taken_port},{other}" if is_first else f"{other},{taken_port}"
    refused = run_cli(command, "--home", home, *ANY_PORT, "--azureml-sdk", "--sdk-ports", ports)
    assert refused.returncode == 1
    assert f"port {taken_port}" in refused.stderr
    assert "--sdk-ports" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (Path(home) / "server.json").exists()


def test_no_run_is_taken_up_by_a_server_that_cannot_have_its_ports(tmp_path: Path, taken_port: int) -> None:
    server = server_of_fake_jobs(tmp_path, jobs_at_once=1)
    try:
        workspace = server.workspace()
        workspace.ensure_compute(ComputeTarget(name="cluster"))
        settings = AutoMLSettings(
            experiment_name="wait",
            dataset_name=DATASET,
            dataset_version=1,
            label_column_name="y",
            compute_target="cluster",
        )
        first, waiting = (workspace.submit_automl(settings, submission_key=key) for key in ("first", "waiting"))
        eventually(lambda: workspace.get_run(first.run_id).status is RunStatus.RUNNING, what="the first run")
        assert workspace.get_run(waiting.run_id).status in (RunStatus.NOT_STARTED, RunStatus.QUEUED)
        server.terminate()
        let_go(server, first.run_id)
        eventually(lambda: not processes_of(server.home), what="the end of the first run's job")
        refused = subprocess.run(
            [sys.executable, str(SCRIPT), "--home", str(server.home)],
            env={**os.environ, "FAKE_SDK_PORTS": f"{taken_port},1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert refused.returncode == 1
        assert f"port {taken_port}" in refused.stderr
        assert not processes_of(server.home)
        assert not (server.home / "runs" / waiting.run_id).exists()
    finally:
        server.stop()


@pytest.mark.parametrize("end", ["stop", "kill", "without the option"])
def test_nobody_is_sent_to_a_server_that_is_not_there(home: str, tmp_path: Path, end: str) -> None:
    server = AzureServer(Path(home), state_dir=tmp_path).start()
    printed = run_cli("sdk-env", "--home", home)
    secret = server.environment_of_sdk["MSI_SECRET"]
    assert (printed.returncode, secret in printed.stdout) == (0, True)
    if end == "kill":
        server.kill()
    else:
        run_cli("stop", "--home", home)
        assert read_environment(Home(Path(home)).azure_api) is None
        server._end(signal.SIGKILL)
    if end == "without the option":
        assert run_cli("start", "--home", home, *ANY_PORT).returncode == 0
    printed = run_cli("sdk-env", "--home", home)
    assert (printed.returncode, printed.stdout) == (3, "")
    assert "serve --azureml-sdk" in printed.stderr


def test_beside_a_server_without_the_surface_start_says_so(home: str) -> None:
    assert run_cli("start", "--home", home, *ANY_PORT).returncode == 0
    second = run_cli("start", "--home", home, *ANY_PORT, *SURFACE)
    assert second.returncode == 1
    assert "does not answer the Azure ML SDK" in second.stderr
    assert "Azure ML SDK" not in run_cli("status", "--home", home).stdout


def test_start_again_and_status_with_the_surface(home: str) -> None:
    assert run_cli("start", "--home", home, *ANY_PORT, *SURFACE).returncode == 0
    url = json.loads((Path(home) / "server.json").read_text())["azureml_sdk"]
    assert run_cli("start", "--home", home, *ANY_PORT, *SURFACE).returncode == 0
    assert url in run_cli("status", "--home", home).stdout
    variables = read_environment(Home(Path(home)).azure_api)
    assert variables is not None
    assert variables["REQUESTS_CA_BUNDLE"] == variables["SSL_CERT_FILE"]
    metadata = requests.get(f"{url}/metadata/endpoints", verify=variables["REQUESTS_CA_BUNDLE"], timeout=10)
    assert metadata.status_code == 200
