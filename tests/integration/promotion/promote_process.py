"""A process that carries out a decision: `python promote_process.py URL TOKEN DECISION`."""

from __future__ import annotations

import sys
from typing import Any

from azureml_gate.decision import DecisionRecord
from azureml_gate.live_service import LiveService, RolloutSettings
from azureml_gate.promotion import promote
from azureml_gate.store import read_decision
from azureml_workspace.local.workspace import open_local
from azureml_workspace.settings import WorkspaceSettings


def carry_out(workspace: Any, path: str) -> Any:
    """As the task of `path` does it, in any process."""
    decision = read_decision(workspace, path)

    def as_it_is(found: DecisionRecord) -> DecisionRecord:
        raise AssertionError(f"{found.path} is right as it is")

    return promote(
        workspace,
        decision,
        service=LiveService(workspace, decision.request.service, RolloutSettings(poll=0.2)),
        owner=f"{decision.request.by}/promote",
        decide_anew=as_it_is,
        wait_seconds=60,
    )


if __name__ == "__main__":
    url, token, path = sys.argv[1:]
    carry_out(open_local(WorkspaceSettings(url=url, token=token, retry_seconds=10), lambda _: None), path)
