"""`make up` without a process: ports, the supervisor's configuration, environment, files, how far the start is."""

from __future__ import annotations

import configparser
import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from azureml_workspace.errors import Conflict, InvalidRequest, ServiceUnavailable
from scripts.run.layout import Layout
from scripts.up.component import azureml_environment
from scripts.up.environment import CHECKOUT_VARIABLE, COMPONENT_VARIABLE, component_environment
from scripts.up.login import ensure_password, password_file
from scripts.up.ports import PortChoice, Ports, require_free
from scripts.up.readiness import look
from scripts.up.state import Up, UpFiles, locked
from scripts.up.supervisor import configuration

pytestmark = pytest.mark.unit

LATER, EARLIER = "2026-11-21T06:00:00+00:00", "2026-11-21T05:00:00+00:00"
BETWEEN = 1795239000.0
"""05:30 of that day, in Unix seconds."""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "dags").mkdir()
    return Layout(tmp_path)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (PortChoice(ui=0), "UI_PORT is 0; give 1 to 65535"),
        (PortChoice(azureml=70000), "AZUREML_PORT is 70000; give 1 to 65535"),
        (PortChoice(ui=8790), "UI_PORT and AZUREML_PORT are both 8790"),
    ],
)
def test_ports_that_cannot_be(asked: PortChoice, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        asked.ports()


def test_what_was_not_asked_for_suits() -> None:
    running = Ports(ui=9000, azureml=9001)
    assert PortChoice().allows(running)
    assert PortChoice(ui=9000).allows(running)
    assert not PortChoice(ui=9000, azureml=8790).allows(running)


def test_a_taken_port_names_its_holder_and_a_port_that_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidRequest) as refused:
            require_free(Ports(ui=port, azureml=port))
        require_free(Ports(ui=port, azureml=port), except_from={os.getpid()})
    said = str(refused.value)
    assert said.count(f"port {port} is held by pid {os.getpid()} (") == 2
    suggested = int(said.rpartition("AZUREML_PORT=")[2])
    require_free(Ports(ui=suggested, azureml=suggested))


def test_the_configuration_holds_no_path_of_the_checkout(tmp_path: Path) -> None:
    odd = tmp_path / "100% mine ;really"
    files = UpFiles(Layout(odd))
    text = configuration(files, Ports(ui=1, azureml=2))
    assert str(odd) not in text
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    programs = [section.partition(":")[2] for section in parsed.sections() if section.startswith("program:")]
    assert programs == ["azureml", "api-server", "dag-processor", "triggerer", "scheduler"]
    priorities = [int(parsed[f"program:{name}"]["priority"]) for name in programs]
    assert priorities == sorted(priorities), "the scheduler stops first, the local Azure ML last"
    assert all(parsed[f"program:{name}"]["killasgroup"] == "true" for name in programs)


def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    near, far = UpFiles(Layout(Path("/srv/x"))), UpFiles(Layout(tmp_path / ("long" * 30)))
    assert near.socket == Path("/srv/x/.local/up/supervisor.sock")
    assert len(os.fsencode(far.socket)) < 90
    assert f"file={far.socket}\n" in configuration(far, Ports())
    assert far.socket != UpFiles(Layout(tmp_path / ("more" * 30))).socket


def test_environment_of_a_component(layout: Layout) -> None:
    inherited = {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor", "NO_PROXY": "intra", "BANK": "kept"}
    made = component_environment(layout, Ports(ui=9000, azureml=9001), "scheduler", inherited)
    assert made["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert made["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert made["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9000/execution/"
    assert made["NO_PROXY"] == "intra,127.0.0.1,localhost"
    assert made["BANK"] == "kept"
    assert (made[CHECKOUT_VARIABLE], made[COMPONENT_VARIABLE]) == (str(layout.root), "scheduler")
    assert json.loads(made["AIRFLOW_CONN_AZUREML_DEFAULT"])["host"] == "http://127.0.0.1:9001"


def test_the_local_azure_ml_bears_no_mark_so_its_jobs_live_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHECKOUT_VARIABLE, "/x")
    monkeypatch.setenv(COMPONENT_VARIABLE, "supervisord")
    monkeypatch.setenv("AIRFLOW_HOME", "/y")
    assert not [name for name in azureml_environment() if name.startswith(("MAKE_UP_C", "AIRFLOW"))]


def test_the_password_is_made_once_for_the_owner_alone(layout: Layout) -> None:
    layout.airflow_home.mkdir(parents=True)
    first = ensure_password(layout)
    assert len(first) >= 16
    assert ensure_password(layout) == first
    assert stat.S_IMODE(password_file(layout).stat().st_mode) == 0o600


def test_what_a_killed_supervisor_left_does_not_count(layout: Layout) -> None:
    files = UpFiles(layout)
    assert files.running() is None
    files.create()
    files.write(Up(pid=os.getpid(), pid_started=1.0, ui_port=1, azureml_port=2))
    assert files.running() is None, "the number belongs to another process by now"
    files.record.write_text("{}")
    assert files.running() is None


def test_a_lock_is_had_once(tmp_path: Path) -> None:
    def take() -> None:
        with locked(tmp_path / "lock", "somebody is at work"):
            pass

    with locked(tmp_path / "lock", ""), pytest.raises(Conflict, match="somebody is at work; wait for it"):
        take()
    take()


class FakeApi:
    """Answers as Airflow would."""

    def __init__(self, beat: str = LATER) -> None:
        beats = ("scheduler", "triggerer", "dag_processor")
        self.answer: dict[str, Any] = {"metadatabase": {"status": "healthy"}} | {
            name: {"status": "healthy", f"latest_{name}_heartbeat": beat} for name in beats
        }
        self.errors: list[dict[str, str]] = []
        self.dags: list[dict[str, Any]] = []

    def health(self) -> dict[str, Any]:
        return self.answer

    def get(self, path: str, **_: object) -> dict[str, Any]:
        return {"import_errors": self.errors} if path == "/importErrors" else {"dags": self.dags}


class AwayApi(FakeApi):
    def health(self) -> dict[str, Any]:
        raise ServiceUnavailable("not yet")


@pytest.fixture
def azureml_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.up.readiness.ServerInfo.read", lambda _home: object())


def dag(layout: Layout, name: str, parsed: str = LATER) -> dict[str, Any]:
    return {
        "dag_id": name,
        "fileloc": str(layout.dags / f"{name}.py"),
        "last_parsed_time": parsed,
        "timetable_summary": None,
        "description": None,
        "is_paused": False,
        "is_stale": False,
    }


@pytest.mark.usefixtures("azureml_runs")
def test_heartbeats_of_an_earlier_start_do_not_count(layout: Layout) -> None:
    stale = look(layout, FakeApi(beat=EARLIER), BETWEEN)  # type: ignore[arg-type]
    assert [name for name, healthy in stale.healthy.items() if not healthy] == [
        "dag-processor",
        "triggerer",
        "scheduler",
    ]
    assert look(layout, FakeApi(), BETWEEN).is_complete  # type: ignore[arg-type]
    away = look(layout, AwayApi(), BETWEEN)  # type: ignore[arg-type]
    assert not any(healthy for name, healthy in away.healthy.items() if name != "azureml")


@pytest.mark.usefixtures("azureml_runs")
def test_every_dag_file_is_waited_for_and_a_broken_one_is_told(layout: Layout) -> None:
    for name in ("good", "broken", "slow"):
        (layout.dags / f"{name}.py").write_text("from airflow.sdk import DAG")
    (layout.dags / "helper.py").write_text("x = 1")
    api = FakeApi()
    api.dags = [dag(layout, "good"), dag(layout, "slow", EARLIER), dag(layout, "gone") | {"is_stale": True}]
    api.errors = [
        {"filename": "broken.py", "timestamp": LATER, "stack_trace": "SyntaxError"},
        {"filename": "good.py", "timestamp": EARLIER, "stack_trace": "mended since"},
    ]
    seen = look(layout, api, BETWEEN)  # type: ignore[arg-type]
    assert seen.is_healthy
    assert not seen.is_complete
    assert seen.missing == ["dags/slow.py"]
    assert seen.import_errors == {"broken.py": "SyntaxError"}
    assert [found.dag_id for found in seen.dags] == ["good", "slow"]
