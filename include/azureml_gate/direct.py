"""A deployment that does not ask the gate, to a service that has a champion history.

It is somebody's explicit wish and goes through; but it waits for whoever changes the service, is not in the way of the
next one, and is written into the history like any other change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from azureml_gate.decision import Versioned
from azureml_gate.history import ChampionAction, ChampionEntry, HistoryWriter, Intent, read_history
from azureml_gate.lease import hold
from azureml_gate.live_service import LiveService, champion_of
from azureml_gate.rollout import Rollout
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DeploySettings, WebService

REASON = "deployed without asking the gate"


def deploy_directly(
    workspace: Workspace,
    settings: DeploySettings,
    *,
    service: LiveService,
    owner: str,
    wait_seconds: float,
    stopped: Callable[[], bool] = lambda: False,
) -> WebService:
    """Begin the deployment, as `Workspace.deploy` does. Follow it with `conclude_deployment` once it is settled.

    When nobody does, the next one who holds the lease tests what was deployed and goes back when it does not work.

    :raises LeaseHeld: somebody else changed the service for longer than `wait_seconds`.
    """
    with hold(workspace, service.name, owner, wait_seconds=wait_seconds, stopped=stopped) as lease:
        pending = read_history(workspace, service.name).pending
        if pending is None or pending.asked != owner:
            Rollout(workspace, service, lease).finish_pending()
            previous = champion_of(service.settled())
        else:
            previous = pending.previous  # by an earlier try
        intent = Intent(
            at=datetime.now(UTC),
            action=ChampionAction.DEPLOYED,
            model=Versioned(name=settings.model_name, version=settings.model_version),
            previous=previous,
            asked=owner,
            by=owner,
            reason=REASON,
        )
        HistoryWriter(workspace, service.name, lease.token).begin(intent)
        lease.confirm()
        return workspace.deploy(settings)


def conclude_deployment(
    workspace: Workspace, seen: WebService, *, owner: str, wait_seconds: float, stopped: Callable[[], bool]
) -> None:
    """Write down that the service, settled as `seen`, serves what `owner` deployed, or that it came to nothing."""
    pending = read_history(workspace, seen.name).pending
    if pending is None or pending.asked != owner:
        return
    with hold(workspace, seen.name, owner, wait_seconds=wait_seconds, stopped=stopped) as lease:
        pending = read_history(workspace, seen.name).pending
        if pending is None or pending.asked != owner:
            return
        writer = HistoryWriter(workspace, seen.name, lease.token)
        if champion_of(seen) != pending.model or pending.failure:
            writer.drop()
            return
        writer.finish(
            ChampionEntry(
                at=datetime.now(UTC),
                action=pending.action,
                model=pending.model,
                previous=pending.previous,
                asked=owner,
                by=pending.by,
                reason=pending.reason,
            )
        )
