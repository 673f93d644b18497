"""The server's own life, through the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from tests.integration.control_plane.conftest import MakeServer, ended, job_pid, let_go, prepare, reaches, submit
from tests.local_server import LocalServer, eventually, processes_of, run_cli

from azureml_local.paths import Home
from azureml_local.server import shutdown
from azureml_workspace.errors import Unauthorized
from azureml_workspace.local.workspace import open_local
from azureml_workspace.settings import WorkspaceSettings
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.integration

ANY_PORT = ("--port", "0", "--service-ports", "0")


def test_start_status_and_stop(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert run_cli("status", "--home", home).returncode == 3
    started = run_cli("start", "--home", home, "--advertise-host", "azureml.example", *ANY_PORT)
    try:
        assert started.returncode == 0, started.stderr
        info = json.loads((tmp_path / "home" / "server.json").read_text())
        assert set(info) == {"url", "pid", "pid_started", "version", "azureml_sdk"}
        assert info["url"] in started.stdout
        assert stat.S_IMODE((tmp_path / "home" / "token").stat().st_mode) == 0o600
        token = (tmp_path / "home" / "token").read_text()
        server = LocalServer(tmp_path / "home", url=info["url"], token=token.strip())
        assert server.request("GET", "/v1/workspace").json()["url"].startswith("http://azureml.example:")
        again = run_cli("start", "--home", home, *ANY_PORT)
        assert (again.returncode, info["url"] in again.stdout) == (0, True)
        status = run_cli("status", AZUREML_LOCAL_HOME=home)
        assert (status.returncode, info["url"] in status.stdout) == (0, True)
        assert "no runs yet" in run_cli("runs", "--home", home).stdout
        missing = run_cli("keys", "nope", "--home", home)
        assert (missing.returncode, missing.stdout) == (1, "")
        assert "'nope'" in missing.stderr
    finally:
        stopped = run_cli("stop", "--home", home)
    assert (stopped.returncode, "the server" in stopped.stdout) == (0, True)
    assert not processes_of(tmp_path / "home")
    assert not (tmp_path / "home" / "server.json").exists()
    assert run_cli("status", "--home", home).returncode == 3
    assert run_cli("keys", "nope", "--home", home).returncode == 3
    assert run_cli("stop", "--home", home).returncode == 0
    assert (tmp_path / "home" / "token").read_text() == token
    assert token.strip() not in (tmp_path / "home" / "server.log").read_text()


def test_two_servers_on_one_folder_are_prevented(shared_server: LocalServer) -> None:
    second = run_cli("serve", "--home", str(shared_server.home), *ANY_PORT)
    assert second.returncode == 4
    assert "runs already" in second.stderr
    assert "--home" in second.stderr
    assert shared_server.request("GET", "/health").status_code == 200


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in ("serve", "start"):
            refused = run_cli(command, "--home", str(tmp_path / "home"), "--port", port)
            assert refused.returncode == 1
            assert f"port {port}" in refused.stderr
            assert "--port" in refused.stderr
            assert "Traceback" not in refused.stderr
    assert not (tmp_path / "home" / "server.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("serve", "--service-ports", "x"), 1, "8800-8899"),
        (("start", "--service-ports", "9-1"), 1, "8800-8899"),
        (("serve", "--host", "203.0.113.1"), 1, "--host"),
        (("serve", "--port", "99999"), 1, "--port"),
        (("dance",), 2, "dance"),
        ((), 2, "COMMAND"),
    ],
)
def test_bad_usage_is_a_sentence(tmp_path: Path, arguments: tuple[str, ...], code: int, word: str) -> None:
    options = ("--home", str(tmp_path / "home")) if len(arguments) > 1 else ()
    refused = run_cli(*arguments, *options)
    assert refused.returncode == code
    assert word in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("command", ["serve", "start"])
@pytest.mark.parametrize("place", ["/proc/nope", "a-file"])
def test_a_state_folder_that_cannot_be_is_named(tmp_path: Path, command: str, place: str) -> None:
    (tmp_path / "a-file").touch()
    home = str(tmp_path / place)
    refused = run_cli(command, "--home", home, *ANY_PORT)
    assert refused.returncode == 1
    assert home in refused.stderr
    assert "--home" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("limit", [0, 100, 4096])
def test_a_full_disk_is_told_and_not_shown_as_a_traceback(tmp_path: Path, limit: int) -> None:
    home = tmp_path / "home"
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f"from azureml_local.cli import main; sys.exit(main(['start', '--home', {str(home)!r}, '--port', '0']))"
    )
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert str(home) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not processes_of(home)


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "metadata.db").write_text("this is no database")
    refused = run_cli("start", "--home", str(tmp_path), *ANY_PORT)
    assert refused.returncode == 1
    assert "metadata.db" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_that_cannot_begin_its_work_says_why_and_names_the_log(make_server: MakeServer) -> None:
    server = make_server().start()
    server.terminate()
    with closing(sqlite3.connect(server.home / "metadata.db")) as connection, connection:
        connection.execute("ALTER TABLE services RENAME COLUMN wanted TO lost")
    refused = run_cli("start", "--home", str(server.home), *ANY_PORT)
    assert refused.returncode == 1
    assert "server.log" in refused.stderr
    assert "no such column" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (server.home / "server.json").exists()


def test_only_the_owner_gets_at_the_data(make_server: MakeServer, csv_file: Path) -> None:
    server = make_server(name="was-open")
    server.home.mkdir()
    server.home.chmod(0o755)
    before = os.umask(0o022)
    try:
        server.start()
    finally:
        os.umask(before)
    prepare(server.workspace(), csv_file)
    ended(server.workspace(), submit(server.workspace(), "complete").run_id)
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
    for path in server.home.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert not mode & 0o077 or mode == 0o444, (path, oct(mode))  # what never changes, in folders that are closed


def test_sigterm_ends_the_server_alone(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "wait").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    pid = job_pid(own_server, run_id)
    own_server.terminate()
    assert not (own_server.home / "server.json").exists()
    assert psutil.Process(pid).is_running()
    status = run_cli("status", "--home", str(own_server.home))
    assert status.returncode == 3
    assert f"job {run_id} still runs" in status.stdout


@pytest.mark.parametrize("server_lives", [True, False])
def test_stop_ends_everything_and_leaves_nothing(own_server: LocalServer, server_lives: bool) -> None:
    workspace = own_server.workspace()
    running = [submit(workspace, "wait" if server_lives else "stubborn").run_id, submit(workspace, "wait").run_id]
    reaches(workspace, running[0], RunStatus.RUNNING)
    pid = job_pid(own_server, running[0])
    if not server_lives:
        own_server.kill()
    stopped = run_cli("stop", "--home", str(own_server.home))
    assert stopped.returncode == 0, stopped.stderr
    assert "1 jobs" in stopped.stdout
    assert not processes_of(own_server.home)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    own_server.kill()
    again = own_server.start().workspace()
    for run_id in running:
        run = ended(again, run_id)
        assert (run.status, run.error) == (RunStatus.CANCELED, "the local Azure ML was stopped")


def test_stop_cancels_no_run_that_has_its_result(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    done, open_ = submit(workspace, "wait").run_id, submit(workspace, "wait").run_id
    reaches(workspace, done, RunStatus.RUNNING)
    own_server.kill()
    let_go(own_server, done)
    eventually((own_server.home / "runs" / done / "result.json").exists, what="the result")
    stopped = run_cli("stop", "--home", str(own_server.home))
    assert "1 runs had not ended" in stopped.stdout, stopped
    again = own_server.start().workspace()
    assert ended(again, done).status is RunStatus.COMPLETED
    assert ended(again, open_).status is RunStatus.CANCELED


def test_stop_can_keep_runs_for_the_next_server(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    running, waiting, cancelled = (submit(workspace, "wait").run_id for _ in range(3))
    reaches(workspace, running, RunStatus.RUNNING)
    workspace.cancel_run(cancelled)
    eventually(lambda: len(workspace.list_child_runs(running)) == 2, what="the job's trials")
    stopped = run_cli("stop", "--keep-runs", "--home", str(own_server.home))
    assert "2 runs had not ended and start again with the next server" in stopped.stdout, stopped
    assert not processes_of(own_server.home)
    own_server.kill()
    again = own_server.start().workspace()
    reaches(again, running, RunStatus.RUNNING)
    seen = again.get_run(running)
    assert "starts" not in seen.properties, "a stop on purpose counts as no lost start"
    eventually(lambda: len(again.list_child_runs(running)) == 2, what="the new job's trials, and no others")
    for run_id in (running, waiting):
        reaches(again, run_id, RunStatus.RUNNING)
        let_go(own_server, run_id)
        assert ended(again, run_id).status is RunStatus.COMPLETED
    assert again.get_run(cancelled).status is RunStatus.CANCELED


def test_stop_ends_what_a_dead_job_left_running(own_server: LocalServer) -> None:
    workspace = own_server.workspace()
    run_id = submit(workspace, "parent").run_id
    reaches(workspace, run_id, RunStatus.RUNNING)
    own_server.kill()
    os.kill(job_pid(own_server, run_id), signal.SIGKILL)
    folder = own_server.home / "runs" / run_id
    eventually(lambda: len(processes_of(folder)) == 1, what="the child alone")
    assert run_cli("stop", "--home", str(own_server.home)).returncode == 0
    eventually(lambda: not processes_of(folder), what="the end of the child")


def test_the_token_is_kept_over_a_restart_and_a_new_one_is_made_when_it_is_gone(make_server: MakeServer) -> None:
    server = make_server().start()
    first = server.token
    server.terminate()
    assert server.start().token == first
    server.terminate()
    (server.home / "token").unlink()
    assert server.start().token != first
    stale = open_local(WorkspaceSettings(url=server.url, token=first, retry_seconds=1), lambda _: None)
    with pytest.raises(Unauthorized):
        stale.ping()


def test_stop_finds_a_server_that_hangs(own_server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_server.process is not None
    os.kill(own_server.process.pid, signal.SIGSTOP)
    monkeypatch.setattr(shutdown, "_SERVER_SECONDS", 0.5)
    assert shutdown.stop_everything(Home(own_server.home)).server
    eventually(lambda: not processes_of(own_server.home), what="the end of the server")


def test_neither_command_line_nor_server_imports_a_data_library() -> None:
    code = (
        "import sys, azureml_local.cli, azureml_local.server.serve;"
        "print([m for m in ('pandas', 'numpy', 'pyarrow', 'sklearn', 'lightgbm', 'onnxruntime') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
