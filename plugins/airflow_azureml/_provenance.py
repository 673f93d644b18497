"""Where a model comes from, on Airflow's side: written into its tags."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

_GIT_SECONDS = 3.0


def airflow_tags(context: Context) -> dict[str, str]:
    """Tags that name the DAG run and, when the DAG file is under git, its commit (`-dirty` with local changes)."""
    tags = {"dag_id": str(context["ti"].dag_id), "dag_run_id": str(context["ti"].run_id)}
    commit = _commit(context)
    return tags | ({"git_commit": commit} if commit else {})


def _commit(context: Context) -> str:
    dag = context.get("dag")
    if dag is None or not dag.fileloc:
        return ""
    command = [
        "git",
        "-C",
        str(Path(dag.fileloc).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git on this machine: the tag is left out
    return done.stdout.strip()
