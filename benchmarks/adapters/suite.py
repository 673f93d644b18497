"""`python -m benchmarks adapters`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.azure_server import AzureServer
from tests.local_server import eventually

from azureml_workspace.records import AutoMLSettings, ComputeTarget, DatasetSource
from benchmarks.common.machine import versions
from benchmarks.common.places import WORK, bank_marketing_csv
from benchmarks.common.section import Goal, Section, table
from benchmarks.common.spread import Spread, paired_differences, paired_ratios

LIMIT_POLL_MS = 20.0
LIMIT_MEMORY_MB = 300.0
LEAST_REPEATS = 5
BACKENDS = ("none", "local", "azure_v1")
HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One process of `task.py`. Peaks in MB (2^20 bytes), its own and that of its helper; a poll in ms of its CPU."""

    own: float
    helper: float
    poll: float | None
    imports_sdk: bool

    @property
    def memory(self) -> float:
        """Both processes together."""
        return self.own + self.helper


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--data", help="the Bank Marketing training file")
    parser.add_argument("--repeats", type=int, default=LEAST_REPEATS, help="rounds (default 5)")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    csv = bank_marketing_csv(options.data)
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="adapters-", dir=WORK) as folder:
        rounds = measure(Path(folder), csv, options.repeats)
    return report(rounds, command)


def measure(folder: Path, csv: Path, repeats: int) -> list[dict[str, Taken]]:
    """The three processes in turn, on one server that both adapters reach."""
    server = AzureServer(folder / "home", state_dir=folder / "sdk")
    try:
        server.start()
        run_id = _completed_run(server, csv)
        return [{backend: _task(folder, server, backend, csv, run_id) for backend in BACKENDS} for _ in range(repeats)]
    finally:
        server.stop()


def report(rounds: list[dict[str, Taken]], command: str) -> Section:
    """The section of RESULTS.md."""
    of = {backend: [taken[backend] for taken in rounds] for backend in BACKENDS}
    polls = {backend: [taken.poll or 0.0 for taken in of[backend]] for backend in BACKENDS[1:]}
    azure, local = Spread.of(polls["azure_v1"]), Spread.of(polls["local"])
    bare = [taken.memory for taken in of["none"]]
    added = paired_differences([taken.memory for taken in of["azure_v1"]], bare)
    loads_sdk = any(taken.imports_sdk for taken in of["azure_v1"])
    goals = (
        Goal(
            name="CPU of one status poll with azure_v1",
            limit=f"at most {LIMIT_POLL_MS:.0f} ms",
            observed=f"{azure.show()} ms",
            passed=azure.median <= LIMIT_POLL_MS,
        ),
        Goal(
            name="modules of the SDK in the process that polls",
            limit="none",
            observed="some" if loads_sdk else "none",
            passed=not loads_sdk,
        ),
        Goal(
            name="peak memory that azure_v1 adds to a task, the SDK's process included",
            limit=f"at most {LIMIT_MEMORY_MB:.0f} MB",
            observed=f"{added.show('.0f')} MB",
            passed=added.median <= LIMIT_MEMORY_MB,
        ),
    )
    rows = [
        (
            backend,
            "" if backend == "none" else f"{Spread.of(polls[backend]).show()}",
            Spread.of(taken.own for taken in of[backend]).show(".0f"),
            Spread.of(taken.helper for taken in of[backend]).show(".0f"),
        )
        for backend in BACKENDS
    ]
    note = (
        "A process that imports Airflow's task SDK and the operators (`none`), and then registers the Bank Marketing "
        "file and polls a completed AutoML run 200 times, with each backend in turn, on one local Azure ML. Both speak "
        "HTTP on this machine's loopback: what Azure's own latency adds is no CPU. A poll with azure_v1 costs "
        f"{paired_ratios(polls['azure_v1'], polls['local']).show('.2f')} of one with local ({local.show()} ms)."
    )
    heads = ("Backend", "CPU per poll (ms)", "Peak memory, own (MB)", "Peak memory, SDK's process (MB)")
    return Section(
        key="adapters",
        title="What an adapter costs a worker",
        command=command,
        versions=versions("apache-airflow-task-sdk", "azureml-core", "azureml-dataset-runtime", "requests"),
        goals=goals,
        blocks=(note, table(heads, rows)),
        complete=len(rounds) >= LEAST_REPEATS,
    )


def _completed_run(server: AzureServer, csv: Path) -> str:
    workspace = server.workspace()
    head = server.home.parent / "head.csv"
    head.write_text("\n".join(csv.read_text().splitlines()[:400]) + "\n")
    dataset = workspace.register_dataset("bench", DatasetSource(path=str(head)))
    workspace.ensure_compute(ComputeTarget(name="cpu-cluster"))
    settings = AutoMLSettings(
        experiment_name="bench",
        dataset_name=dataset.name,
        dataset_version=dataset.version,
        label_column_name="y",
        experiment_timeout_minutes=0.2,
        iterations=1,
    )
    run = workspace.submit_automl(settings, submission_key="bench")
    eventually(lambda: workspace.get_run(run.run_id).status.is_terminal, seconds=120, what="the end of the run")
    return run.run_id


def _task(folder: Path, server: AzureServer, backend: str, csv: Path, run_id: str) -> Taken:
    local = {"host": server.url, "extra": {"backend": "local", "token_file": str(server.home / "token")}}
    connection = {"conn_type": "azureml", **(server.connection() if backend == "azure_v1" else local)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = inherited | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connection),
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "task.py"), backend, str(csv), run_id],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise TaskFailed(f"{backend}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    poll = said["poll_seconds"]
    return Taken(
        own=said["own_bytes"] / 2**20,
        helper=said["helper_bytes"] / 2**20,
        poll=None if poll is None else poll * 1000,
        imports_sdk=said["imports_sdk"],
    )


class TaskFailed(Exception):
    """A process of `task.py` did not end well; the message has the end of what it said."""
