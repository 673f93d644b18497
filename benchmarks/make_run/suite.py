"""`python -m benchmarks make_run`."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.machine import versions
from benchmarks.common.places import REPOSITORY, bank_marketing_csv
from benchmarks.common.section import Goal, Section, table
from benchmarks.common.spread import Spread

TOTAL_SECONDS = 100
OTHER_SECONDS = 25
LEAST_RUNS = 3
STEPS = ("register_dataset", "automl_run", "deploy", "enable_insights", "smoke_score", "benchmark")
LAST_RUN = REPOSITORY / ".local" / "last_run.json"


class RunFailed(Exception):
    """`make run` did not succeed; the message holds the end of what it printed."""


@dataclass(frozen=True)
class TimedRun:
    """`wall` is the whole `make run`, `seconds` what it wrote of itself."""

    wall: float
    seconds: dict[str, float]

    @property
    def other(self) -> float:
        """Seconds of the whole that are not AutoML."""
        return self.wall - self.seconds["automl_run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--data", help="Bank Marketing CSV (default: the variable BANK_MARKETING_CSV)")
    parser.add_argument("--runs", type=int, default=3, help="measured runs, after one that is not counted (default 3)")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    csv = bank_marketing_csv(options.data)
    make_run(csv)
    runs = [make_run(csv) for _ in range(options.runs)]
    return report(runs, command)


def make_run(csv: Path) -> TimedRun:
    """One `make run DATA=csv`, timed from outside. :raises RunFailed:"""
    started = time.time()
    clock = time.perf_counter()
    done = subprocess.run(
        ["make", "run", f"DATA={csv}", "LABEL=y"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - clock
    if done.returncode != 0:
        raise RunFailed("\n".join([*done.stdout.splitlines()[-15:], *done.stderr.splitlines()[-15:]]))
    if LAST_RUN.stat().st_mtime < started:
        raise RunFailed(f"`make run` succeeded but did not write {LAST_RUN}")
    return TimedRun(wall, step_seconds(json.loads(LAST_RUN.read_text())))


def step_seconds(last_run: dict[str, Any]) -> dict[str, float]:
    """The seconds of each step in `last_run.json`. :raises RunFailed: one is missing, or the run did not succeed."""
    seconds = last_run.get("seconds", {})
    missing = [step for step in (*STEPS, "total") if not isinstance(seconds.get(step), int | float)]
    if missing or last_run.get("state") != "success":
        raise RunFailed(
            f"last_run.json: state {last_run.get('state')!r}, no seconds of: {', '.join(missing) or 'none'}"
        )
    return {step: float(seconds[step]) for step in (*STEPS, "total")}


def report(runs: list[TimedRun], command: str) -> Section:
    """The section for these runs."""
    wall = Spread.of(run.wall for run in runs)
    other = Spread.of(run.other for run in runs)
    rows = [(step, Spread.of(run.seconds[step] for run in runs).show(".1f")) for step in (*STEPS, "total")]
    rows += [("whole `make run`", wall.show(".1f")), ("whole, AutoML taken off", other.show(".1f"))]
    return Section(
        key="make_run",
        title="`make run` after the first",
        command=command,
        versions=versions("apache-airflow"),
        goals=(
            Goal(
                name="Whole `make run`",
                limit=f"at most {TOTAL_SECONDS} s",
                observed=f"{wall.show('.1f')} s",
                passed=wall.median <= TOTAL_SECONDS,
            ),
            Goal(
                name="Of that, not AutoML",
                limit=f"at most {OTHER_SECONDS} s",
                observed=f"{other.show('.1f')} s",
                passed=other.median <= OTHER_SECONDS,
            ),
        ),
        blocks=(table(("Step", "Seconds"), rows),),
        complete=len(runs) >= LEAST_RUNS,
    )
