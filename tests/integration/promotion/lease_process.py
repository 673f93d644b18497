"""A process that takes the lease `svc` again and again.

`python lease_process.py URL TOKEN OWNER FOLDER ROUNDS SECONDS`.

While it holds it, `FOLDER/inside` is there; that it was there already is written to `FOLDER/broken`. With 0 rounds it
takes it once and stands still within. It prints the token of each lease.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from azureml_gate.lease import hold
from azureml_workspace.local.workspace import open_local
from azureml_workspace.settings import WorkspaceSettings


def main(url: str, token: str, owner: str, folder: Path, rounds: int, seconds: float) -> None:
    workspace = open_local(WorkspaceSettings(url=url, token=token, retry_seconds=10), lambda _: None)
    inside = folder / "inside"
    for _ in range(rounds or 1):
        with hold(workspace, "svc", owner, seconds=seconds, wait_seconds=300) as lease:
            try:
                inside.touch(exist_ok=False)
            except FileExistsError:
                (folder / "broken").touch()
            sys.stdout.write(f"{lease.token}\n")
            sys.stdout.flush()
            time.sleep(0.01 if rounds else 3600)
            inside.unlink()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
