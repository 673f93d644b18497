"""`make up` and `make down` with real processes: what is printed, what is killed, what is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from tests.e2e.checkout_up import UpCheckout
from tests.local_server import eventually

from azureml_local.paths import Home
from azureml_local.server.shutdown import live_jobs
from mlops_config.bank_marketing_generator import generate_bank_marketing

pytestmark = pytest.mark.e2e

DAGS = {path.stem for path in (Path(__file__).parents[2] / "dags").glob("*.py")}

SLOW_DAG = '''
"""A task that takes ever so long at its first try, and notes each try."""
import json, os, pathlib, time
from datetime import timedelta
from airflow.sdk import DAG, task

notes = pathlib.Path(__file__).parent.parent / "notes.jsonl"

with DAG("slow", schedule=None, catchup=False):

    @task(retries=3, retry_delay=timedelta(seconds=1))
    def wait(*, ti=None):
        first = not notes.exists()
        with notes.open("a") as file:
            file.write(json.dumps({"pid": os.getpid(), "try": ti.try_number}) + "\\n")
        if first:
            time.sleep(600)

    wait()
'''


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpCheckout]:
    made = UpCheckout.make(tmp_path_factory.mktemp("up"))
    (made.root / "dags" / "slow.py").write_text(SLOW_DAG)
    try:
        yield made
    finally:
        made.down()
    assert made.processes() == {}


@pytest.fixture(scope="module")
def started(checkout: UpCheckout) -> subprocess.CompletedProcess[str]:
    done = checkout.up()
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "bank.csv"
    generate_bank_marketing(path, rows=400)
    return path


def test_a_taken_port_is_named_with_who_holds_it_and_nothing_is_started(tmp_path: Path) -> None:
    checkout = UpCheckout.make(tmp_path)
    home = str(checkout.layout.azureml_home)
    # One of `make run`, which `make up` would take over.
    assert checkout.run("azureml_local", "start", "--home", home, "--port", str(checkout.azureml_port)).returncode == 0
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", checkout.ui_port))
            taken.listen()
            refused = checkout.up()
        assert refused.returncode == 1
        assert f"port {checkout.ui_port} is held by pid {os.getpid()} (" in refused.stderr
        assert "make up UI_PORT=" in refused.stderr
        assert f"port {checkout.azureml_port} " not in refused.stderr
        assert not (checkout.root / ".local" / "airflow").exists()
        assert checkout.run("azureml_local", "status", "--home", home).returncode == 0, "what ran was ended for nothing"
    finally:
        checkout.down()
    assert checkout.processes() == {}


def test_ctrl_c_while_it_starts_stops_what_was_started(checkout: UpCheckout) -> None:
    child = checkout.start(*checkout.up_words)
    assert child.stdout is not None
    for line in child.stdout:
        if "azureml is healthy" in line:
            break
    assert len(checkout.processes()) >= 5
    child.send_signal(signal.SIGINT)
    assert "what was started is stopped again" in child.communicate(timeout=60)[0]
    assert child.returncode == 130
    assert checkout.processes() == {}


def test_it_says_where_and_how_to_log_in(checkout: UpCheckout, started: subprocess.CompletedProcess[str]) -> None:
    for said in (checkout.url, f"admin, password {checkout.password}", "`make down` stops all of it", *DAGS):
        assert said in started.stdout
    login = {"username": "admin", "password": checkout.password}
    assert requests.post(f"{checkout.url}/auth/token", json=login, timeout=30).ok
    refused = requests.post(f"{checkout.url}/auth/token", json=login | {"password": "admin"}, timeout=30)
    assert refused.status_code == 401
    assert requests.get(f"{checkout.url}/api/v2/dags", timeout=30).status_code == 401


def test_only_this_machine_can_reach_it(checkout: UpCheckout, started: subprocess.CompletedProcess[str]) -> None:
    pids = set(checkout.processes())
    listening = {
        connection.laddr
        for connection in psutil.net_connections("tcp")
        if connection.pid in pids and connection.status == psutil.CONN_LISTEN
    }
    assert {address.port for address in listening} == {checkout.ui_port, checkout.azureml_port}
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_the_test_button_of_the_connection_form_asks_the_workspace(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str]
) -> None:
    def tested(token_file: Path) -> dict[str, Any]:
        extra = json.dumps({"backend": "local", "token_file": str(token_file)})
        host = f"http://127.0.0.1:{checkout.azureml_port}"
        form = {"connection_id": "of_a_person", "conn_type": "azureml", "host": host, "extra": extra}
        return checkout.api().post("/connections/test", form)

    right = tested(checkout.layout.azureml_home / "token")
    assert right["status"], right
    assert right["message"].startswith("Connected: ")
    wrong = tested(checkout.root / "no-such-token")
    assert not wrong["status"]
    assert "no-such-token" in wrong["message"]


def test_secrets_are_for_the_owner_alone(checkout: UpCheckout, started: subprocess.CompletedProcess[str]) -> None:
    home = checkout.root / ".local" / "airflow"
    for name in ("passwords.json", "airflow.cfg", "airflow.db"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    logs = "".join(path.read_text() for path in (checkout.root / ".local" / "logs").glob("*.log"))
    assert "supervisord started" in logs
    assert checkout.password not in logs


def test_a_second_time_it_says_so_and_starts_nothing(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str]
) -> None:
    components = ("azureml", "api-server", "dag-processor", "triggerer", "scheduler")
    before = [checkout.pid(component) for component in components]
    again = checkout.run("scripts.up", "up")
    assert again.returncode == 0, again.stderr
    assert "It is up already." in again.stdout
    assert checkout.password in again.stdout
    assert [checkout.pid(component) for component in components] == before
    elsewhere = checkout.run("scripts.up", "up", "--ui-port=1234")
    assert elsewhere.returncode == 1
    assert f"it is up already, with UI_PORT={checkout.ui_port}" in elsewhere.stderr


def test_status_shows_every_process(checkout: UpCheckout, started: subprocess.CompletedProcess[str]) -> None:
    shown = checkout.run("scripts.up", "status")
    assert shown.returncode == 0
    assert checkout.url in shown.stdout
    for component in ("api-server", "dag-processor", "triggerer", "scheduler"):
        line = next(line for line in shown.stdout.splitlines() if component in line)
        assert " healthy " in line
        assert f"pid {checkout.pid(component)}," in line
    assert checkout.password not in shown.stdout


def test_make_run_goes_through_it_and_survives_the_kill_of_the_local_azure_ml(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str], bank: Path
) -> None:
    words = [f"--data={bank}", "--time=0.1", "--requests=20", "--label=y", "--service=killed-once"]
    child = checkout.start("scripts.run", *words)
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if " trials" in line:  # AutoML is at work, and the task waits deferred
            break
    server = checkout.pid("azureml")
    os.kill(server, signal.SIGKILL)
    said += child.communicate(timeout=250)[0]
    assert child.returncode == 0, said
    eventually(lambda: checkout.pid("azureml") not in {0, server}, what="the next server")
    assert f"{checkout.url}, which is up" in said
    assert "11 of 11 checks passed" in said

    last = json.loads((checkout.root / ".local" / "last_run.json").read_text())
    assert last["state"] == "success"
    states = checkout.finished("bank_marketing_train", last["run_id"])
    assert set(states.values()) == {"success"}
    runs = checkout.run("azureml_local", "runs", "--home", str(checkout.layout.azureml_home)).stdout
    assert runs.count("AutoML_") == 1


def test_make_run_tells_why_a_task_failed(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str], bank: Path
) -> None:
    failed = checkout.run("scripts.run", f"--data={bank}", "--label=colour", "--time=0.1")
    assert failed.returncode == 1
    assert "label_column_name is 'colour', which is not a column" in failed.stdout
    assert f"{checkout.url}/dags/bank_marketing_train/runs/" in failed.stdout


@pytest.fixture(autouse=True)
def _no_tries_yet(checkout: UpCheckout) -> None:
    (checkout.root / "notes.jsonl").unlink(missing_ok=True)


def first_try(checkout: UpCheckout) -> int:
    """The pid of the slow task's first try, once it runs."""
    notes = checkout.root / "notes.jsonl"
    return int(
        eventually(lambda: notes.exists() and notes.read_text(), seconds=90, what="first try")
        and tries(checkout)[0]["pid"]
    )


def tries(checkout: UpCheckout) -> list[dict[str, int]]:
    return [json.loads(line) for line in (checkout.root / "notes.jsonl").read_text().splitlines()]


def test_a_killed_worker_takes_its_task_with_it_and_the_task_is_run_again(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str]
) -> None:
    run_id = checkout.dag_run("slow")
    task = psutil.Process(first_try(checkout))
    worker = task.parent()
    assert worker is not None
    assert "LocalExecutor" in worker.cmdline()[0]
    worker.kill()
    eventually(lambda: not task.is_running(), what="end of the task's process")
    assert checkout.finished("slow", run_id) == {"": "success", "wait": "success"}
    assert len(tries(checkout)) == 2


def test_a_killed_scheduler_leaves_no_worker_and_its_task_is_run_again(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str]
) -> None:
    run_id = checkout.dag_run("slow")
    task = first_try(checkout)
    scheduler = checkout.pid("scheduler")
    workers = [worker.pid for worker in psutil.Process(scheduler).children(recursive=True)]
    assert task in workers
    os.kill(scheduler, signal.SIGKILL)
    assert checkout.finished("slow", run_id) == {"": "success", "wait": "success"}
    assert len(tries(checkout)) == 2
    assert not [pid for pid in workers if psutil.pid_exists(pid)]


def test_after_a_kill_of_supervisord_it_comes_up_again_without_the_old_ones(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str]
) -> None:
    up = checkout.record()
    old = set(checkout.processes()) - {up.pid}
    os.kill(up.pid, signal.SIGKILL)
    eventually(lambda: checkout.files.running() is None, what="end of supervisord")
    assert "of its processes are" in checkout.run("scripts.up", "status").stdout
    again = checkout.up()
    assert again.returncode == 0, again.stdout + again.stderr
    assert "that an earlier `make up` left behind" in again.stdout
    left = {pid: command for pid, command in checkout.processes().items() if pid in old}
    # Web services are nobody's children: they go on, under the new server.
    assert all("azureml_local.scoring" in command for command in left.values())
    assert left


def test_down_ends_a_running_task_and_leaves_nothing(
    checkout: UpCheckout, started: subprocess.CompletedProcess[str]
) -> None:
    checkout.dag_run("slow")
    first_try(checkout)
    done = checkout.down()
    assert done.returncode == 0, done.stderr
    assert "stopped: Airflow (" in done.stdout
    assert checkout.processes() == {}
    assert "nothing was running" in checkout.down().stdout
    assert "Airflow is not up" in checkout.run("scripts.up", "status").stdout
    assert list(checkout.home.rglob("*")) == []


def test_what_waited_deferred_when_it_went_down_goes_on_when_it_comes_up(checkout: UpCheckout, bank: Path) -> None:
    assert checkout.up().returncode == 0
    run_id = checkout.dag_run(
        "bank_marketing_train",
        data_path=str(bank),
        experiment_timeout_minutes=0.5,
        service_name="down-and-up",
        benchmark_requests=20,
    )
    path = f"/dags/bank_marketing_train/dagRuns/{run_id}/taskInstances/automl_run"
    eventually(lambda: checkout.api().get(path)["state"] == "deferred", seconds=120, what="the wait in the triggerer")
    (job,) = live_jobs(Home(checkout.layout.azureml_home)).values()
    os.kill(job.pid, signal.SIGSTOP)  # so that it does not end while Airflow is being stopped
    done = checkout.down()
    assert "1 runs had not ended; the next `make up` starts them again" in done.stdout, done
    before = azureml_runs(checkout)
    assert checkout.up().returncode == 0
    states = checkout.finished("bank_marketing_train", run_id, seconds=240)
    assert set(states.values()) == {"success"}, states
    assert azureml_runs(checkout) == before, "another run was submitted"


def azureml_runs(checkout: UpCheckout) -> set[str]:
    """The ids of all AutoML runs, also while no server runs."""
    return {folder.name for folder in (checkout.layout.azureml_home / "runs").glob("AutoML_*")}
