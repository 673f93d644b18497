"""What a completed AutoML run found."""

from __future__ import annotations

from azureml_local.jobs.files import read_result
from azureml_local.paths import Home
from azureml_workspace.errors import Conflict, RunFailed
from azureml_workspace.records import AutoMLResult, Run
from azureml_workspace.statuses import RunStatus


def require_completed(run: Run) -> None:
    """:raises RunFailed: the run ended without a result. :raises Conflict: it has not ended."""
    if not run.status.is_terminal:
        raise Conflict(f"run {run.run_id} is {run.status.value}; its result is there when it has completed.")
    if run.status is not RunStatus.COMPLETED:
        raise RunFailed(f"run {run.run_id} ended as {run.status.value}: {run.error}")


def automl_result(home: Home, run: Run) -> AutoMLResult:
    """:raises RunFailed: the run ended without one. :raises Conflict: it has not ended."""
    require_completed(run)
    file = read_result(home.run(run.run_id))
    if file is None or file.result is None:
        raise RunFailed(f"run {run.run_id} completed, but its result file is gone or damaged; run it again.")
    return file.result
