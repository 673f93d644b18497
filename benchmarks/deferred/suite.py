"""`python -m benchmarks deferred`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.e2e.standalone import Standalone, eventually
from tests.local_server import LocalServer

from azureml_workspace.records import DatasetSource
from benchmarks.common.machine import versions
from benchmarks.common.places import WORK
from benchmarks.common.section import Goal, Section, table

LIMIT_SHARE = 0.05
LEAST_WAITS, LEAST_SECONDS = 50, 60.0
WINDOWS = 3
HERE = Path(__file__).parent
DAG_ID = "deferred_waits"

_SETTLE_SECONDS = 10.0
"""For what a start leaves to do, and for the first look of the last task."""


class NotAllWait(Exception):
    """Some tasks ended, or were never deferred; the message holds the pool's figures."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The triggerer over some time. `share` is of one core, `memory` MB of its own (USS), `busy` the machine's."""

    name: str
    seconds: float
    share: float
    memory: float
    processes: int
    busy: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`running` is the most worker slots seen in use while all tasks waited."""

    waits: int
    idle: Window
    waiting: tuple[Window, ...]
    running: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--waits", type=int, default=50, help="deferred tasks (default 50)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each measured time (default 60)")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="deferred-", dir=WORK) as folder:
        measured = measure(Path(folder), options.waits, options.seconds)
    return report(measured, command)


def measure(folder: Path, waits: int, seconds: float) -> Measured:
    """An idle triggerer, then the same one with the waits."""
    command = (sys.executable, str(HERE / "waiting_server.py"))
    server = LocalServer(folder / "azureml", command=command, options=("--jobs", str(waits)))
    try:
        server.start()
        data = folder / "data.csv"
        data.write_text("x,y\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(60)))
        server.workspace().register_dataset("waiting", DatasetSource(path=str(data)))
        return _in_airflow(folder, server, waits, seconds)
    finally:
        server.stop()


def report(measured: Measured, command: str) -> Section:
    """The section of RESULTS.md; the goal is held against the dearest of the times with waits."""
    added = max(window.share for window in measured.waiting) - measured.idle.share
    windows = (measured.idle, *measured.waiting)
    goals = (
        Goal(
            name=f"worker slots held by {measured.waits} deferred AutoML tasks",
            limit="0",
            observed=str(measured.running),
            passed=measured.running == 0,
        ),
        Goal(
            name=f"CPU that {measured.waits} deferred AutoML tasks add to the triggerer",
            limit=f"below {LIMIT_SHARE:.0%} of a core",
            observed=f"{added:.1%} of a core",
            passed=added < LIMIT_SHARE,
        ),
    )
    rows = [
        (window.name, f"{window.share:.1%}", f"{window.memory:.0f}", window.processes, f"{window.busy:.0%}")
        for window in windows
    ]
    note = (
        "A real triggerer (`airflow standalone`, SQLite) and the real local Azure ML, whose jobs are processes that "
        "only wait; every run works, none is queued. The share is of one core, of all processes of the triggerer; "
        "memory is what is theirs alone (USS). Pauses between looks grow with the time waited, so a later time costs "
        "less."
    )
    heads = ("Triggerer", "CPU, share of a core", "Memory, MB", "Processes", "Machine busy, all cores")
    return Section(
        key="deferred",
        title="Deferred waits",
        command=command,
        versions=versions("apache-airflow", "apache-airflow-task-sdk", "requests"),
        goals=goals,
        blocks=(note, table(heads, rows)),
        complete=measured.waits >= LEAST_WAITS and measured.idle.seconds >= LEAST_SECONDS,
    )


def _in_airflow(folder: Path, server: LocalServer, waits: int, seconds: float) -> Measured:
    dags = folder / "dags"
    dags.mkdir()
    shutil.copy(HERE / "dag_of_waits.py", dags)
    extra = {"backend": "local", "token_file": str(server.home / "token")}
    connection = {"conn_type": "azureml", "host": server.url, "extra": extra}
    environment = {"AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection), "DEFERRED_WAITS": str(waits)}
    airflow = Standalone(folder / "airflow", dags, environment=environment)
    try:
        airflow.start()
        eventually(lambda: airflow.call("GET", f"/dags/{DAG_ID}"), what="the DAG", seconds=120)
        time.sleep(_SETTLE_SECONDS)
        idle = _window(airflow, "idle", seconds)
        airflow.trigger(DAG_ID)
        eventually(lambda: _slots(airflow)["deferred_slots"] == waits, what=f"{waits} deferred tasks", seconds=900)
        time.sleep(_SETTLE_SECONDS)
        windows, running = [], 0
        for number in range(WINDOWS):
            begin, end = number * seconds, (number + 1) * seconds
            windows.append(_window(airflow, f"{waits} waits, {begin:.0f} to {end:.0f} s", seconds))
            slots = _slots(airflow)
            if slots["deferred_slots"] != waits:
                raise NotAllWait(f"{waits} tasks should be deferred; the pool has {slots}")
            running = max(running, slots["running_slots"] + slots["queued_slots"])
        return Measured(waits=waits, idle=idle, waiting=tuple(windows), running=running)
    finally:
        airflow.stop()


def _slots(airflow: Standalone) -> dict[str, int]:
    slots: dict[str, int] = airflow.call("GET", "/pools/default_pool")
    return slots


def _window(airflow: Standalone, name: str, seconds: float) -> Window:
    processes = [found for word in ("airflow triggerer", "airflow-triggerer") for found in airflow.processes(word)]
    before, started = sum(map(_cpu, processes)), time.monotonic()
    psutil.cpu_percent()
    time.sleep(seconds)
    busy = psutil.cpu_percent() / 100
    used, took = sum(map(_cpu, processes)) - before, time.monotonic() - started
    memory = sum(process.memory_full_info().uss for process in processes) / 2**20
    return Window(name=name, seconds=took, share=used / took, memory=memory, processes=len(processes), busy=busy)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
