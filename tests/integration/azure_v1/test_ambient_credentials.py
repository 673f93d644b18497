"""An ordinary SDK script: `Workspace.from_config()` without `auth`, in the environment that `sdk-env` prints."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.azure_server import AzureServer
from tests.local_server import run_cli

from azureml_local.paths import Home
from azureml_workspace.records import ComputeTarget

pytestmark = pytest.mark.integration

SCRIPT = """
from azureml.core import Workspace
workspace = Workspace.from_config()
print("FOUND", workspace.name, "with", sorted(workspace.compute_targets))
"""


def test_a_script_needs_no_change(azure_server: AzureServer, tmp_path: Path) -> None:
    azure_server.workspace().ensure_compute(ComputeTarget(name="ambient-cluster"))
    printed = run_cli("sdk-env", "--home", str(azure_server.home))
    assert printed.returncode == 0, printed.stderr
    variables = dict(shlex.split(line)[1].split("=", 1) for line in printed.stdout.splitlines())
    assert variables == azure_server.environment_of_sdk
    config = Home(azure_server.home).azure_api / "config.json"
    (tmp_path / "config.json").write_bytes(config.read_bytes())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "MSI_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment | variables | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "FOUND local with" in done.stdout, done.stdout + done.stderr
    assert "'ambient-cluster'" in done.stdout
    for secret in (azure_server.token, variables["MSI_SECRET"]):
        assert secret not in done.stdout + done.stderr


def test_without_the_surface_it_says_how_to_start_it(tmp_path: Path) -> None:
    printed = run_cli("sdk-env", "--home", str(tmp_path))
    assert printed.returncode == 3
    assert "serve --azureml-sdk" in printed.stderr
