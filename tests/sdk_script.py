"""Runs a script with the unmodified Azure ML SDK v1: in a process of its own, signed in to a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.azure_server import AzureServer

from azureml_local.azure_api.tokens import TokenIssuer

_SIGN_IN = """
import json, os
from azureml.core import Workspace
from azureml.core.authentication import TokenAuthentication

token = os.environ["TEST_TOKEN"]
sign_in = TokenAuthentication(lambda _audience: token, cloud=os.environ["AZUREML_CURRENT_CLOUD"])
ws = Workspace.from_config(os.environ["TEST_CONFIG"], auth=sign_in)


def answer(value):
    print("ANSWER", json.dumps(value))
"""


def run_sdk(server: AzureServer, folder: Path, script: str, *, seconds: float = 240) -> list[Any]:
    """What the script gave to `answer(...)`, in order. It finds the workspace as `ws`, and works in `folder`."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **server.environment_of_sdk,
        "HOME": str(home),
        "TEST_TOKEN": TokenIssuer(server.token).issue("tests", "tests"),
        "TEST_CONFIG": str(server.home / "azure_api" / "config.json"),
    }
    ran = subprocess.run(
        [sys.executable, "-c", _SIGN_IN + textwrap.dedent(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    answers = [line.removeprefix("ANSWER ") for line in ran.stdout.splitlines() if line.startswith("ANSWER ")]
    return [json.loads(line) for line in answers]
