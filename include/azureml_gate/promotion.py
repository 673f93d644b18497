"""Carry out a decision of the gate: the challenger becomes what clients get, under the lease of the service."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from azureml_gate.approval import Approval, read_approval
from azureml_gate.decision import DecisionRecord, Verdict
from azureml_gate.history import ChampionAction, ChampionEntry, Intent, read_history
from azureml_gate.lease import hold
from azureml_gate.live_service import LiveService, champion_of
from azureml_gate.outcomes import note_decision
from azureml_gate.rollout import Rollout, drop_of, words
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record, WebService

DecideAnew = Callable[[DecisionRecord], DecisionRecord]
"""Decides once more what the record decided, against what the service serves now, and stores that."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Promotion(Record):
    """What became of a decision. `decision` is the one that counted, which may have been made anew.

    `entry` is how it ended, None when nothing was changed; `reason` says why then. `needs_approval` is whether only a
    person's consent is missing.
    """

    decision: DecisionRecord
    entry: ChampionEntry | None
    reason: str = ""
    needs_approval: bool = False

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger became the champion."""
        return self.entry is not None and self.entry.action is ChampionAction.PROMOTED


def promote(
    workspace: Workspace,
    decision: DecisionRecord,
    *,
    service: LiveService,
    owner: str,
    decide_anew: DecideAnew,
    require_approval: bool = False,
    wait_seconds: float = 3600.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Promotion:
    """Deploy the challenger in place, smoke-test it, go back by itself when it fails, and write down which it was.

    A decision is carried out once: called again it finishes what an earlier call began, or says how that ended. When
    the service serves another model by now than the decision was made for, it is made anew and that one counts.
    `owner` is the same for each try of one task.

    :raises LeaseHeld: somebody else changed the service for longer than `wait_seconds`.
    :raises LeaseLost: :raises RollbackFailed: :raises Stopped:
    :raises ServiceUnavailable: it could not be finished now.
    """
    if decision.verdict is not Verdict.PROMOTE:
        return _not_promoted(decision, decision.reason)
    drop_of(workspace, decision.request.challenger)
    with hold(workspace, service.name, owner, wait_seconds=wait_seconds, stopped=stopped) as lease:
        rollout = Rollout(workspace, service, lease)
        rollout.finish_pending()
        done = read_history(workspace, service.name).of_decision(decision.path)
        if done is not None:
            return Promotion(decision=decision, entry=done)
        live = service.settled()
        asked = decision
        decision = _still_right(decision, live, decide_anew)
        if decision.verdict is not Verdict.PROMOTE or decision.champion == decision.request.challenger:
            note_decision(workspace, decision, serves=True)
            return _not_promoted(decision, decision.reason)
        answer = read_approval(workspace, asked)
        if answer is not None and not answer.approved:
            return _not_promoted(decision, answer.in_words)
        missing = _missing_approval(asked, decision, answer, is_required=require_approval)
        if missing:
            return replace(_not_promoted(decision, missing), needs_approval=True)
        intent = _intent(workspace, decision, asked, live, owner)
        return Promotion(decision=decision, entry=rollout.carry_out(intent, live))


def _still_right(decision: DecisionRecord, live: WebService | None, decide_anew: DecideAnew) -> DecisionRecord:
    """The decision, made anew when it was made against another champion than the one there is."""
    champion = champion_of(live)
    if champion in {decision.champion, decision.request.challenger}:
        return decision
    logger.info(
        "%s serves %s, and the decision was made against %s: it is made anew.",
        decision.request.service,
        words(champion),
        words(decision.champion),
    )
    return decide_anew(decision)


def _missing_approval(
    asked: DecisionRecord, decision: DecisionRecord, answer: Approval | None, *, is_required: bool
) -> str:
    """Which consent is missing, nothing when none is: an approval is of one decision and its figures."""
    if answer is None:
        return f"nobody approved {asked.path}, and approval is asked for" if is_required else ""
    if decision.path == asked.path:
        return ""
    return (
        f"{asked.path} was {answer.in_words}; but the service serves {words(decision.champion)} by now, so "
        f"{decision.path} was made, which nobody approved. Start a new DAG run (of the same drop) to ask again: it "
        "takes the model that was trained"
    )


def _intent(
    workspace: Workspace, decision: DecisionRecord, asked: DecisionRecord, live: WebService | None, owner: str
) -> Intent:
    request = decision.request
    champion = champion_of(live)
    dataset, key = drop_of(workspace, request.challenger)
    return Intent(
        at=datetime.now(UTC),
        action=ChampionAction.PROMOTED,
        model=request.challenger,
        # Served already, as after a deployment by hand: what it is compared with is what there was before.
        previous=decision.champion if champion == request.challenger else champion,
        holdout=request.holdout,
        label=request.label,
        decision=decision.path,
        asked=asked.path,
        drop_dataset=request.drop_dataset or dataset,
        drop_key=request.drop_key or key,
        by=request.by or owner,
        reason=decision.reason,
    )


def _not_promoted(decision: DecisionRecord, reason: str) -> Promotion:
    return Promotion(decision=decision, entry=None, reason=reason)
