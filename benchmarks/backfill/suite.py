"""`python -m benchmarks backfill`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.e2e.drops.backfill import DAG, Backfill, airflow_with_drops, backfill_conf
from tests.e2e.standalone import Standalone, eventually
from tests.local_server import LocalServer

from benchmarks.common.machine import versions
from benchmarks.common.places import WORK
from benchmarks.common.section import Goal, Section, table
from mlops_config.bank_marketing_generator import generate_bank_marketing

LIMIT_SHARE = 0.15
LEAST_DROPS, LEAST_AGAIN = 16, 3
ROWS = 2000
FIRST = date(2026, 1, 1)
QUICK, USUAL = "one model, no search", "AutoML for half a minute"
TRAININGS: dict[str, dict[str, Any]] = {QUICK: {}, USUAL: {"iterations": None, "allowed_models": []}}
"""What differs in the DAG's params."""

_MOST_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of a backfill of `drops` drops: the first time, and each time again."""

    name: str
    drops: int
    first: float
    again: tuple[float, ...]

    @property
    def share(self) -> float:
        """Of the first time, that the longest of the others took."""
        return max(self.again) / self.first


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--drops", type=int, default=LEAST_DROPS, help=f"daily drops (default {LEAST_DROPS})")
    parser.add_argument("--again", type=int, default=LEAST_AGAIN, help=f"repetitions (default {LEAST_AGAIN})")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backfill-", dir=WORK) as folder:
        measured = measure(Path(folder), options.drops, options.again)
    return report(measured, command, complete=options.drops >= LEAST_DROPS and options.again >= LEAST_AGAIN)


def measure(folder: Path, drops: int, again: int) -> tuple[Measured, ...]:
    """The same drops with two ways to train, in one Airflow."""
    keys = [(FIRST + timedelta(days=day)).isoformat() for day in range(drops)]
    (folder / "drops").mkdir()
    for seed, key in enumerate(keys):
        generate_bank_marketing(folder / "drops" / f"{key}.csv", rows=ROWS, seed=seed)
    server = LocalServer(folder / "azureml").start()
    airflow = airflow_with_drops(folder, server)
    try:
        airflow.start()
        eventually(lambda: airflow.call("GET", f"/dags/{DAG}"), what="the DAG", seconds=120)
        airflow.call("PATCH", f"/dags/{DAG}", json={"is_paused": False})
        return tuple(
            _measured(airflow, keys, name, _conf(folder, f"backfill-{number}", **given), again)
            for number, (name, given) in enumerate(TRAININGS.items())
        )
    finally:
        airflow.stop()
        server.stop()


def report(measured: Sequence[Measured], command: str, *, complete: bool) -> Section:
    """The section of RESULTS.md; the goal is held against the training that takes as long as usual."""
    usual = next(each for each in measured if each.name == USUAL)
    goal = Goal(
        name=f"the same backfill again ({USUAL})",
        limit=f"within {LIMIT_SHARE:.0%} of the first time",
        observed=f"{usual.share:.1%}",
        passed=usual.share <= LIMIT_SHARE,
    )
    rows = [
        (
            each.name,
            each.drops,
            f"{each.first:.0f}",
            ", ".join(f"{took:.0f}" for took in each.again),
            f"{each.share:.1%}",
        )
        for each in measured
    ]
    note = (
        f"Daily drops of {ROWS:,} generated rows, four at a time, through the whole DAG in a real scheduler "
        "(`airflow standalone`, SQLite, LocalExecutor) and the real local Azure ML with two nodes. Again, each drop "
        "costs two tasks and trains nothing; what remains is Airflow's own time for a DAG run."
    )
    return Section(
        key="backfill",
        title="Backfill",
        command=command,
        versions=versions("apache-airflow", "apache-airflow-task-sdk", "scikit-learn"),
        goals=(goal,),
        blocks=(note, table(("Training", "Drops", "First, s", "Again, s", "Longest of first"), rows)),
        complete=complete,
    )


def _conf(folder: Path, name: str, **given: Any) -> dict[str, Any]:
    return backfill_conf(f"{folder}/drops/{{date}}.csv", dataset=name, service=name, label="y") | given


def _measured(airflow: Standalone, keys: Sequence[str], name: str, conf: dict[str, Any], again: int) -> Measured:
    backfill = Backfill(airflow.call, keys)
    took = []
    for _ in range(1 + again):
        started = datetime.now(UTC)
        backfill.await_end(backfill.start(conf, again=True), seconds=_MOST_SECONDS)
        took.append((backfill.last_end() - started).total_seconds())
        states = set(backfill.states().values())
        if states != {"success"}:
            raise RuntimeError(f"DAG runs ended as {', '.join(sorted(states))}")
    return Measured(name=name, drops=len(keys), first=took[0], again=tuple(took[1:]))
