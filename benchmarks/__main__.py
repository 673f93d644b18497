"""`python -m benchmarks [NAME] [options]`: one of `SUITES`; without a name, all of them."""

from __future__ import annotations

import argparse
import shlex
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.common.places import RESULTS
from benchmarks.common.section import Section, write_section

SUITES = {
    "service": "our scoring process against azureml-inference-server-http",
    "model": "our AutoML against FLAML and AutoGluon, nested cross-validation",
    "dag_parse": "what the DAG file adds to importing airflow.sdk",
    "make_run": "how long `make run` takes when it is not the first",
    "deferred": "what 50 deferred AutoML tasks cost the triggerer",
    "backfill": "how long a backfill of drops takes again, when everything is trained already",
    "adapters": "what a status poll and a registration cost a worker, with each backend",
}

EXIT_MISSED, EXIT_BROKEN = 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run one suite or all; 1 when a goal was missed, 2 when a suite could not be run."""
    options = parse(arguments)
    names = [options.suite] if options.suite else list(SUITES)
    worst = 0
    for name in names:
        chosen = options if options.suite else parse([name])
        command = shlex.join(["python", "-m", "benchmarks", *(arguments if options.suite else [name])])
        print(f"== {name}: {SUITES[name]}", flush=True)
        try:
            section: Section = import_module(f"benchmarks.{name}.suite").run(chosen, command)
        except Exception:  # noqa: BLE001 - one suite that cannot run must not keep the others from being measured
            traceback.print_exc()
            worst = EXIT_BROKEN
            continue
        print(f"{section.render()}\n", flush=True)
        if chosen.results or section.complete:
            write_section(section, chosen.results or RESULTS)
        else:
            print(f"Part of the benchmark only, so {RESULTS.name} is left as it is (--results FILE keeps this).\n")
        if not section.passed:
            worst = max(worst, EXIT_MISSED)
    return worst


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the named suite, or no suite."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="suite", metavar="|".join(SUITES))
    for name, meaning in SUITES.items():
        command = commands.add_parser(name, help=meaning)
        command.add_argument("--results", type=Path, help="file to write the section into, even a partial one")
        import_module(f"benchmarks.{name}.suite").add_arguments(command)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
