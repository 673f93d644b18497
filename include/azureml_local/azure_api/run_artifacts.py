"""What the files of runs are called among artifacts: origin `ExperimentRun`, container `dcid.<run>`, and the path."""

from __future__ import annotations

import re

RUN_ORIGIN = "ExperimentRun"
_CONTAINER = "dcid."
_FILE = re.compile(rf"{RUN_ORIGIN}/{re.escape(_CONTAINER)}(?P<run>[A-Za-z0-9][A-Za-z0-9_.-]*)/(?P<path>.*)", re.DOTALL)


def run_container(run_id: str) -> str:
    """The container of a run's artifacts."""
    return f"{_CONTAINER}{run_id}"


def run_of_container(container: str) -> str:
    """The run whose artifacts are in it."""
    return container.removeprefix(_CONTAINER)


def run_file_name(run_id: str, path: str) -> str:
    """The whole name of a run's file."""
    return f"{RUN_ORIGIN}/{run_container(run_id)}/{path}"


def split_run_file_name(name: str) -> tuple[str, str] | None:
    """The run and the path that such a name is made of, None when it is no such name."""
    found = _FILE.fullmatch(name)
    return None if found is None else (found["run"], found["path"])
