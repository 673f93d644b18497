"""Our AutoML as the product runs it: typed parquet in, a process of its own, a model package out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from azureml_local.files import write_json
from azureml_local.jobs.files import JOB_FILE, JobFile, read_result
from azureml_workspace.records import AutoMLResult, AutoMLSettings, ColumnSchema


class JobFailed(Exception):
    """The AutoML job did not complete; the message is its own, or the end of its log."""


@dataclass(frozen=True, kw_only=True)
class FinishedJob:
    """`seconds` is the wall time of the whole process, imports and export included."""

    result: AutoMLResult
    seconds: float
    package: Path


def run_job(
    run_dir: Path, data: Path, columns: Sequence[ColumnSchema], settings: AutoMLSettings, cores: int
) -> FinishedJob:
    """Run the job in a new `run_dir` to its end. :raises JobFailed:"""
    shutil.rmtree(run_dir, ignore_errors=True)
    (run_dir / "logs").mkdir(parents=True)
    (run_dir / "outputs").mkdir()
    job = JobFile(run_id=run_dir.name, data_path=str(data), columns=tuple(columns), settings=settings, cores=cores)
    write_json(run_dir / JOB_FILE, job)
    log = run_dir / "logs" / "job.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "azureml_local.automl", str(run_dir)],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ,
            timeout=settings.experiment_timeout_minutes * 60 * 3 + 120,
            check=False,
        )
    seconds = time.perf_counter() - started
    outcome = read_result(run_dir)
    if outcome is None or outcome.result is None:
        reason = outcome.error if outcome else "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise JobFailed(f"exit code {done.returncode}: {reason}")
    return FinishedJob(result=outcome.result, seconds=seconds, package=run_dir / "outputs")
