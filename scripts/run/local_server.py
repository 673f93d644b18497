"""Start the local Azure ML, or find it running."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass

from azureml_local.paths import Home
from azureml_local.processes import wait_until
from azureml_local.server.instance import ServerInfo
from azureml_workspace.errors import ServiceUnavailable
from scripts.run.layout import Layout

USUAL_PORT = 8790
COMES_BACK_SECONDS = 30.0


@dataclass(frozen=True)
class LocalServer:
    """Where it answers, and a line about it for a person."""

    url: str
    message: str


def start_local_server(layout: Layout, usual_port: int = USUAL_PORT) -> LocalServer:
    """The server of this checkout, on its usual port or, where that is taken, on a free one.

    :raises ServiceUnavailable: it did not start; the message holds the reason it gave.
    """
    done = _start(layout, usual_port)
    note = ""
    if done.returncode != 0 and _is_taken(usual_port):
        note = f" (port {usual_port} is taken by another program, so a free one was chosen)"
        done = _start(layout, 0)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-2000:]
        raise ServiceUnavailable(f"the local Azure ML did not start (exit code {done.returncode}): {said}")
    url = str(json.loads((layout.azureml_home / "server.json").read_text())["url"])
    return LocalServer(url=url, message=f"{url}{note}")


def find_local_server(layout: Layout) -> LocalServer:
    """The server that `make up` looks after; one that was killed is back in a moment.

    :raises ServiceUnavailable: it does not come back.
    """
    home = Home(layout.azureml_home)
    wait_until(lambda: ServerInfo.read(home) is not None, COMES_BACK_SECONDS, pause=0.1)
    info = ServerInfo.read(home)
    if info is None:
        raise ServiceUnavailable("the local Azure ML does not answer; `make status`, and .local/logs/azureml.log.")
    return LocalServer(url=info.url, message=info.url)


def _start(layout: Layout, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "azureml_local", "start", "--port", str(port)],
        env={**os.environ, "AZUREML_LOCAL_HOME": str(layout.azureml_home)},
        cwd=layout.root,
        capture_output=True,
        text=True,
        check=False,
    )


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
