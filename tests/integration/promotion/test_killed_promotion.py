"""A promotion whose process is killed with SIGKILL, at moments that another process sees."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.promotion.conftest import WRONG_HOLDOUT, clients, decided, outcome_of
from tests.integration.promotion.promote_process import carry_out
from tests.local_server import LocalServer, eventually

from azureml_drops.ledger import DropStatus
from azureml_gate.history import read_history
from azureml_gate.lease import read_lease
from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("promote_process.py")

Moment = Callable[[LocalWorkspace, str], bool]

MOMENTS: dict[str, Moment] = {
    "the lease is taken": lambda workspace, name: bool((lease := read_lease(workspace, name)) and lease.owner),
    "the intent is written": lambda workspace, name: read_history(workspace, name).pending is not None,
    "the deployment is under way": lambda workspace, name: (
        workspace.get_service(name).state is ServiceState.TRANSITIONING
    ),
    "the new model serves": lambda workspace, name: workspace.get_service(name).model_version == 2,
}


@pytest.mark.parametrize("is_bad", [False, True])
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_when(
    promotion_server: LocalServer, workspace: LocalWorkspace, name: str, moment: str, is_bad: bool
) -> None:
    carry_out(workspace, decided(workspace, name, 1, None).path)
    given = {"holdout": WRONG_HOLDOUT} if is_bad else {}
    path = decided(workspace, name, 2, 1, **given).path
    with clients(workspace, name, 1) as asking:
        command = [sys.executable, str(SCRIPT), promotion_server.url, promotion_server.token, path]
        process = subprocess.Popen(command)
        eventually(lambda: MOMENTS[moment](workspace, name) or process.poll() is not None, what=moment)
        process.kill()
        process.wait()
        promotion = carry_out(workspace, path)
    assert asking[0].failures == []
    assert promotion.is_promoted is not is_bad
    assert workspace.get_service(name).model_version == (1 if is_bad else 2)
    history = read_history(workspace, name)
    assert [entry.action.value for entry in history.entries] == ["promoted", "rolled_back" if is_bad else "promoted"]
    assert history.pending is None
    assert outcome_of(workspace, name, 2) is (DropStatus.ROLLED_BACK if is_bad else DropStatus.PROMOTED)
