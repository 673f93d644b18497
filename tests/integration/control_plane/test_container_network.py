"""A server whose clients know it by another name than it listens on, and whose token was agreed on beforehand."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import requests
from tests.integration.control_plane.conftest import MakeServer, ended, job_pid, prepare, submit
from tests.local_server import LocalServer, run_cli

from azureml_local.server.instance import TOKEN_VARIABLE
from azureml_workspace.local.workspace import open_local
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.integration

TOKEN = "agreed-on-beforehand-0123456789"
ADVERTISED = ("--port", "0", "--service-ports", "0", "--advertise-host", "azureml")


@pytest.fixture
def server(make_server: MakeServer, csv_file: Path) -> LocalServer:
    made = make_server(fake_jobs=False, **{TOKEN_VARIABLE: TOKEN})
    made.options = ADVERTISED
    made.start()
    prepare(made.workspace(), csv_file)
    return made


def test_addresses_name_the_advertised_host(server: LocalServer) -> None:
    workspace = server.workspace()
    port = server.url.rpartition(":")[2]
    assert workspace.get_dataset("people").profile_uri.startswith(f"http://azureml:{port}/")
    assert server.url == f"http://127.0.0.1:{port}", "those on this machine go on using the address it listens on"


def test_it_listens_nowhere_else_for_that(server: LocalServer) -> None:
    assert server.process is not None
    listening = psutil.Process(server.process.pid).net_connections("inet")
    addresses = {connection.laddr.ip for connection in listening if connection.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}


def test_the_given_token_is_the_one_and_no_job_gets_it(server: LocalServer) -> None:
    assert server.token == TOKEN
    opened = open_local(WorkspaceSettings(url=server.url, token=TOKEN), lambda _: None)
    run = submit(opened, "inherits", experiment_timeout_minutes=1)
    environment = Path(f"/proc/{job_pid(server, run.run_id)}/environ").read_bytes()
    opened.cancel_run(run.run_id)
    ended(opened, run.run_id)
    assert b"PATH=" in environment
    assert TOKEN.encode() not in environment


def test_another_token_replaces_the_one_before(server: LocalServer) -> None:
    server.terminate()
    server.environment = {TOKEN_VARIABLE: TOKEN[::-1]}
    server.start()
    assert server.token == TOKEN[::-1]
    old = requests.get(f"{server.url}/v1/workspace", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
    assert old.status_code == 401
    assert server.request("GET", "/v1/workspace").status_code == 200


@pytest.mark.parametrize("token", ["", "short", "with a space in it, and long enough"])
def test_a_token_that_cannot_be_used_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    refused = run_cli("serve", "--home", str(tmp_path), "--port", "0", **{TOKEN_VARIABLE: token})
    assert refused.returncode == 1
    assert TOKEN_VARIABLE in refused.stderr
    assert not token or token not in refused.stderr
    assert not (tmp_path / "token").exists()


@pytest.mark.parametrize("host", ["", "0.0.0.0", "http://azureml", "azureml:8790", "a b"])
def test_a_host_that_nobody_could_reach_is_refused(tmp_path: Path, host: str) -> None:
    refused = run_cli("serve", "--home", str(tmp_path), "--port", "0", "--advertise-host", host)
    assert refused.returncode == 1
    assert f"--advertise-host is {host!r}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []
