"""A real local Azure ML whose AutoML jobs do what their experiment is named, and learn nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.local_server import LocalServer

from azureml_workspace.records import DatasetSource

SCRIPT = Path(__file__).parent / "integration" / "control_plane" / "fake_job_server.py"
DATASET = "waiting"


def server_of_fake_jobs(folder: Path, *, jobs_at_once: int = 8) -> LocalServer:
    """Started, with a dataset; see `fake_job.py` for the names of experiments. Stop it, whatever happens."""
    server = LocalServer(
        folder / "home",
        command=(sys.executable, str(SCRIPT)),
        options=(),
        environment={"FAKE_CORES": str(jobs_at_once)},
    ).start()
    data = folder / "data.csv"
    data.write_text("x,y\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(60)))
    server.workspace().register_dataset(DATASET, DatasetSource(path=str(data)))
    return server


def let_go(server: LocalServer, run_id: str) -> None:
    """End the wait of the job of a run of the experiment `wait`."""
    (server.home / "runs" / run_id / "go").touch()
