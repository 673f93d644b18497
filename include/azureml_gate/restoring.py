"""Go back to an earlier model by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from azureml_gate.decision import Versioned
from azureml_gate.history import ChampionAction, ChampionEntry, ChampionHistory, Intent, read_history
from azureml_gate.lease import hold
from azureml_gate.live_service import LiveService, shown
from azureml_gate.rollout import Rollout, drop_of, words
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import WebService


def restore(
    workspace: Workspace,
    *,
    service: LiveService,
    owner: str,
    by: str,
    reason: str,
    to_version: int | None = None,
    wait_seconds: float = 3600.0,
    stopped: Callable[[], bool] = lambda: False,
) -> ChampionEntry:
    """Serve version `to_version` of the model that the service serves; None: the champion before that one.

    Done once for each `owner`: called again it finishes what an earlier call began, or says how that ended. What
    another process left undone is abandoned for it, and a promotion whose model is live by then has ended so.
    When the older model fails its smoke test, the one that was live
    is put back.

    :raises NotFound: no such service or model version.
    :raises InvalidRequest: the history knows none before, or it is served already.
    :raises ServiceUnavailable: as `azureml_gate.promotion.promote`.
    """
    with hold(workspace, service.name, owner, wait_seconds=wait_seconds, stopped=stopped) as lease:
        rollout = Rollout(workspace, service, lease)
        history = read_history(workspace, service.name)
        if history.pending is not None and history.pending.asked == owner:
            rollout.finish_pending()
            history = read_history(workspace, service.name)
        done = history.of_decision(owner)
        if done is not None:
            return done
        live = service.settled()
        if live is None:
            raise NotFound(f"there is no web service {service.name!r}; check the name.")
        target = _target(history, live, to_version)
        cut_short = history.pending if history.pending is not None and history.pending.model == shown(live) else None
        dataset, key = drop_of(workspace, target)
        intent = Intent(
            at=datetime.now(UTC),
            action=ChampionAction.RESTORED,
            model=target,
            previous=shown(live),
            # So the retry of a promotion that died finds that a person has ended it, and does not do it again.
            decision="" if cut_short is None else cut_short.decision,
            asked=owner,
            drop_dataset=dataset,
            drop_key=key,
            by=by,
            reason=reason,
        )
        return rollout.carry_out(intent, live)


def _target(history: ChampionHistory, live: WebService, to_version: int | None) -> Versioned:
    present = Versioned(name=live.model_name, version=live.model_version)
    if to_version is not None:
        target: Versioned | None = Versioned(name=live.model_name, version=to_version)
    elif history.pending is not None and history.pending.model == present:
        target = history.pending.previous  # live, and not tested yet
    else:
        target = history.before(present)
    if target is None:
        raise InvalidRequest(
            f"the champion history of {live.name} knows no model before {words(present)}; say which with to_version."
        )
    if target == present:
        raise InvalidRequest(f"web service {live.name} serves {words(present)} already; give another to_version.")
    return target
