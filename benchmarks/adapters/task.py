"""`python task.py none|local|azure_v1 CSV RUN_ID`: what a worker does with a workspace, alone in its process.

Prints one line of JSON. `none` only imports what the others use, so it is what Airflow and the operators cost by
themselves. The connection is `azureml_default`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import psutil
from airflow.sdk import DAG  # noqa: F401 - what every task has in its process

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.operators.automl_run import AzureMLAutoMLRunOperator  # noqa: F401
from airflow_azureml.operators.register_dataset import AzureMLRegisterDatasetOperator  # noqa: F401
from azureml_workspace.records import DatasetSource

POLLS = 200


def main(backend: str, csv: str, run_id: str) -> int:
    """Register a file and poll a run; then say what it took."""
    poll = None
    if backend != "none":
        workspace = AzureMLHook().workspace
        workspace.register_dataset(f"bench-{backend}-{time.time_ns()}", DatasetSource(path=csv))
        workspace.get_run(run_id)  # connections are open afterwards, as in a wait
        began = time.process_time()
        for _ in range(POLLS):
            workspace.get_run(run_id)
        poll = (time.process_time() - began) / POLLS
    helpers = sum(_peak(process.pid) for process in psutil.Process().children(recursive=True))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sdk = any(name == "azureml" or name.startswith("azureml.") for name in sys.modules)
    print(json.dumps({"own_bytes": own, "helper_bytes": helpers, "poll_seconds": poll, "imports_sdk": sdk}))
    return 0


def _peak(pid: int) -> int:
    """The most memory that a process ever had resident, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
