"""`python -m benchmarks dag_parse`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common.machine import versions
from benchmarks.common.places import REPOSITORY, WORK
from benchmarks.common.section import Goal, Section, table
from benchmarks.common.spread import Spread, paired_differences

LIMIT_SECONDS = 0.1
LEAST_PAIRS = 7

MEASURED = """
import sys, time
started = time.perf_counter()
import airflow.sdk
if len(sys.argv) > 1:
    import runpy
    runpy.run_path(sys.argv[1])
print("seconds", time.perf_counter() - started)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--dag", type=Path, default=REPOSITORY / "dags" / "bank_marketing_train.py", help="DAG file")
    parser.add_argument("--pairs", type=int, default=11, help="processes without and with the DAG file (default 11)")


def run(options: argparse.Namespace, command: str) -> Section:
    """Measure and report."""
    if not options.dag.is_file():
        raise FileNotFoundError(f"There is no DAG file {options.dag}; name one with --dag.")
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dag-parse-", dir=WORK) as home:
        for dag in (None, options.dag):  # the first import compiles byte code
            seconds(home, dag)
        without: list[float] = []
        with_dag: list[float] = []
        for pair in range(options.pairs):
            turns: list[tuple[Path | None, list[float]]] = [(None, without), (options.dag, with_dag)]
            for dag, times in turns if pair % 2 == 0 else reversed(turns):
                times.append(seconds(home, dag))
    added = paired_differences(with_dag, without)
    rows = [
        ("`import airflow.sdk`", Spread.of(without).show(".3f")),
        (f"`import airflow.sdk` and `{options.dag.name}`", Spread.of(with_dag).show(".3f")),
        ("added, pair by pair", added.show(".3f")),
    ]
    goal = Goal(
        name="DAG file adds to importing airflow.sdk",
        limit=f"at most {LIMIT_SECONDS:g} s",
        observed=f"{added.show('.3f')} s",
        passed=added.median <= LIMIT_SECONDS,
    )
    return Section(
        key="dag_parse",
        title="DAG file parse",
        command=command,
        versions=versions("apache-airflow", "apache-airflow-task-sdk"),
        goals=(goal,),
        blocks=("A new process each, without and with the DAG file in turns:\n\n" + table(("", "Seconds"), rows),),
        complete=options.pairs >= LEAST_PAIRS,
    )


def seconds(home: str, dag: Path | None) -> float:
    """Seconds of one process of its own, from before `import airflow.sdk`."""
    environment = os.environ | {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": "",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *([str(dag)] if dag else [])],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    last = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("seconds "))
    return float(last.split()[1])
