"""The lease among real processes, over HTTP."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.local_server import LocalServer, eventually

from azureml_gate.lease import LeaseHeld, acquire, read_lease
from azureml_workspace.local.workspace import LocalWorkspace

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("lease_process.py")


@pytest.fixture
def workspace(local_server: LocalServer) -> LocalWorkspace:
    return local_server.workspace()


def start(server: LocalServer, owner: str, folder: Path, *, rounds: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), server.url, server.token, owner, str(folder), str(rounds), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def expiry(workspace: LocalWorkspace) -> datetime:
    found = read_lease(workspace, "svc")
    assert found is not None
    return found.expires_at


def test_never_two_holders_among_processes(local_server: LocalServer, tmp_path: Path) -> None:
    processes = [start(local_server, f"owner-{n}", tmp_path, rounds=8, seconds=60) for n in range(5)]
    printed = [process.communicate(timeout=300)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 5
    assert not (tmp_path / "broken").exists()
    tokens = [int(token) for tokens in printed for token in tokens]
    assert len(set(tokens)) == 40
    assert all(list(map(int, own)) == sorted(map(int, own)) for own in printed)


def test_the_lease_of_a_killed_process_runs_out(
    local_server: LocalServer, workspace: LocalWorkspace, tmp_path: Path
) -> None:
    holder = start(local_server, "killed", tmp_path, rounds=0, seconds=5)
    assert holder.stdout is not None
    token = int(holder.stdout.readline())
    first = expiry(workspace)
    eventually(lambda: expiry(workspace) > first + timedelta(seconds=2), what="renewals")
    with pytest.raises(LeaseHeld, match="killed holds the lease svc"):
        acquire(workspace, "svc", "next")
    holder.kill()
    holder.communicate()
    taken = acquire(workspace, "svc", "next", wait_seconds=60)
    assert taken.token > token
    found = read_lease(workspace, "svc")
    assert found is not None
    assert found.owner == "next"
    taken.release()
