"""The real local Azure ML, whose AutoML jobs only wait: `python waiting_server.py --home H --jobs N`.

So the server and what it answers are real, and 50 runs work at once without 50 machines.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from azureml_local.paths import Home
from azureml_local.server.serve import ServeConfig, serve
from azureml_local.services.ports import PortRange

JOB = """
import json, sys, time
with open(sys.argv[1] + "/events.jsonl", "a") as events:
    trial = {"event": "trial", "at": time.time(), "iteration": 0, "algorithm": "LightGBM", "status": "Completed",
             "score": 0.9, "duration_seconds": 1.0, "metrics": {}, "parameters": {}, "error": None}
    for event in ({"event": "phase", "at": time.time(), "phase": "search"}, trial):
        events.write(json.dumps(event) + "\\n")
time.sleep(3600)
"""


def job_command(run_dir: Path) -> list[str]:
    """A job that says it searches, and waits."""
    return [sys.executable, "-S", "-c", JOB, str(run_dir)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", required=True)
    parser.add_argument("--jobs", type=int, required=True)
    given = parser.parse_args()
    serve(
        ServeConfig(
            home=Home.resolve(given.home),
            port=0,
            service_ports=PortRange(0, 0),
            job_command=job_command,
            cores=given.jobs,
        ),
        lambda _url: None,
    )
