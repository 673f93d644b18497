"""Start the local Azure ML, or find it running."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from azureml_workspace.errors import ServiceUnavailable
from scripts.run.layout import Layout


def start_local_server(layout: Layout) -> tuple[str, str]:
    """Its address, and what the start command had to say (for example that a port was taken).

    :raises ServiceUnavailable: it did not start; the message holds the reason it gave.
    """
    done = subprocess.run(
        [sys.executable, "-m", "azureml_local", "start"],
        env={**os.environ, "AZUREML_LOCAL_HOME": str(layout.azureml_home)},
        cwd=layout.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-2000:]
        raise ServiceUnavailable(f"the local Azure ML did not start (exit code {done.returncode}): {said}")
    server = json.loads((layout.azureml_home / "server.json").read_text())
    return str(server["url"]), done.stdout.strip()
