"""A job for tests of the control plane: it does what the experiment is named, without learning anything.

`python -S fake_job.py RUN_DIR`, with only the standard library, so that it starts in no time. It waits for a file
`go` in its folder wherever a test wants to look at it while it runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PACKAGE_VARIABLE = "FAKE_JOB_PACKAGE"


class FakeJob:
    """One job and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job = json.loads((folder / "job.json").read_text())
        self.events = (folder / "events.jsonl").open("a")

    def say(self, **event: object) -> None:
        self.events.write(json.dumps({"at": time.time(), **event}) + "\n")
        self.events.flush()

    def trial(self, iteration: int, score: float | None) -> None:
        self.say(
            event="trial",
            iteration=iteration,
            algorithm=f"Model{iteration}",
            status="Failed" if score is None else "Completed",
            score=score,
            duration_seconds=0.1,
            metrics={},
            parameters={"depth": iteration},
            error=None,
        )

    def end(self, **result: object) -> None:
        temporary = self.folder / "result.tmp"
        temporary.write_text(json.dumps(result))
        temporary.replace(self.folder / "result.json")

    def wait(self) -> None:
        deadline = time.monotonic() + 1200  # only so that a lost job ends some day
        while not (self.folder / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def complete(self) -> None:
        self.trial(2, 0.9)
        self.say(event="phase", phase="finalize")
        copy_package(self.folder / "outputs")
        run_id = self.job["run_id"]
        result = {
            "run_id": run_id,
            "best_child_run_id": f"{run_id}_2",
            "best_algorithm": "Model2",
            "primary_metric": "AUC_weighted",
            "metrics": {"AUC_weighted": 0.9},
            "validation": "none, this is a test",
            "child_runs": 3,
            "classes": ["no", "yes"],
            "rows_used": 1,
            "rows_dropped": 0,
        }
        self.end(status="Completed", result=result)


def main(folder: Path) -> int:
    """Behave as the experiment is named: complete, wait, stubborn, parent, linger, refuse or crash."""
    fake = FakeJob(folder)
    behaviour = fake.job["settings"]["experiment_name"]
    print(f"fake job: {behaviour}", flush=True)  # noqa: T201
    (folder / "cores").write_text(str(fake.job["cores"]))
    if behaviour == "refuse":
        fake.end(status="Failed", error="one class only")
        return 1
    if behaviour == "crash":
        return 3
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour == "parent":
        subprocess.Popen([sys.executable, "-S", "-c", f"import time; time.sleep(60) # {folder}"])
    fake.say(event="phase", phase="search")
    fake.trial(0, 0.7)
    fake.trial(1, None)
    if behaviour in ("wait", "stubborn", "parent"):
        fake.wait()
    fake.complete()
    if behaviour == "linger":
        fake.wait()
    return 0


def copy_package(outputs: Path) -> None:
    """The files of a model package: the real one a test names, or empty files."""
    outputs.mkdir()
    source = os.environ.get(PACKAGE_VARIABLE)
    for name in ("model.onnx", "model.pkl", "signature.json", "encoder.json", "scoring_file.py", "conda_env.yml"):
        file = Path(source) / name if source else None
        (outputs / name).write_bytes(file.read_bytes() if file is not None and file.is_file() else b"")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
