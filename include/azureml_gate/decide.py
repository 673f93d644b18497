"""Decide whether a challenger becomes the champion, and keep the decision."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from azureml_gate.age import Age, age_of, challenger_provenance, champion_provenance
from azureml_gate.contestants import Champion, KeyOf, find_challenger, find_champion
from azureml_gate.decision import Check, DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.store import decision_id, find_decision, store_decision
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import validate_service_name


def decide(workspace: Workspace, request: GateRequest, *, key_of: KeyOf, supersedes: str = "") -> DecisionRecord:
    """The stored decision on the request, made now, or found when the same was asked before with the same champion.

    The candidate service must serve the challenger. `key_of` gives a service's key, None for one that asks for none.
    `supersedes` is the decision that this one replaces. Nothing is deployed.

    :raises InvalidRequest: a setting, the holdout or a service's answers cannot be used.
    :raises NotFound: no such candidate service, model or dataset. :raises Conflict: the candidate serves another model.
    :raises EndpointError: a service does not answer; nothing was decided, so ask again.
    """
    started = time.monotonic()
    _validate(request)
    champion = find_champion(workspace, request.service)
    early = _without_measuring(workspace, request, champion, supersedes)
    if early is not None:
        return early
    challenger = find_challenger(workspace, request)
    live = champion.contestant
    age = Age.NEWER
    if live is not None:
        age = age_of(challenger_provenance(request, challenger.model), champion_provenance(live))
    from azureml_gate.evaluation import evaluate

    found = evaluate(workspace, request, challenger, live, age=age, key_of=key_of)
    verdict = Verdict.REJECT if found.failed else Verdict.PROMOTE
    record = replace(
        _record(request, champion, supersedes, verdict, _reason(request, champion.version, verdict, found.checks)),
        checks=tuple(found.checks),
        warnings=(*champion.warnings, *found.warnings),
        holdout=found.holdout,
        challenger_figures=found.challenger,
        champion_figures=found.champion,
        comparison=found.comparison,
        differences=found.differences,
        cohorts=found.cohorts,
        cohorts_compared=found.cohorts_compared,
        seconds=time.monotonic() - started,
    )
    return store_decision(workspace, record)


def decide_by_age(workspace: Workspace, request: GateRequest) -> DecisionRecord | None:
    """The stored decision against a challenger of older data than the champion's; None when it may come to the gate.

    It needs no candidate service. :raises InvalidRequest: a setting cannot work. :raises NotFound: no such model.
    """
    _validate(request)
    champion = find_champion(workspace, request.service)
    return _older(workspace, request, champion, "")


def _without_measuring(
    workspace: Workspace, request: GateRequest, champion: Champion, supersedes: str
) -> DecisionRecord | None:
    """What was decided before, or is clear without a look at the candidate."""
    live = champion.contestant
    stored = find_decision(workspace, request.service, decision_id(request, champion.version, supersedes))
    if stored is not None:
        return stored
    if live is not None and live.version == request.challenger:
        reason = f"{request.challenger} is what web service {request.service} serves already."
        return store_decision(workspace, _record(request, champion, supersedes, Verdict.PROMOTE, reason))
    return _older(workspace, request, champion, supersedes)


def _older(workspace: Workspace, request: GateRequest, champion: Champion, supersedes: str) -> DecisionRecord | None:
    live = champion.contestant
    if live is None or request.settings.allow_older:
        return None
    model = workspace.get_model(request.challenger.name, request.challenger.version)
    ours, theirs = challenger_provenance(request, model), champion_provenance(live)
    if age_of(ours, theirs) is not Age.OLDER:
        return None
    reason = (
        f"{request.challenger} was trained on data up to drop {ours.drop_key}, and web service {request.service} "
        f"serves {live.version}, trained on data up to drop {theirs.drop_key}. An older model does not replace a newer "
        "one unless allow_older is set."
    )
    return store_decision(workspace, _record(request, champion, supersedes, Verdict.OLDER, reason))


def _validate(request: GateRequest) -> None:
    request.settings.validate()
    validate_service_name(request.service)


def _record(request: GateRequest, champion: Champion, supersedes: str, verdict: Verdict, reason: str) -> DecisionRecord:
    return DecisionRecord(
        decision_id=decision_id(request, champion.version, supersedes),
        at=datetime.now(UTC),
        request=request,
        champion=champion.version,
        verdict=verdict,
        reason=reason,
        warnings=champion.warnings,
        supersedes=supersedes,
    )


def _reason(request: GateRequest, against: Versioned | None, verdict: Verdict, checks: Sequence[Check]) -> str:
    """Why, in sentences: all that failed, or all that was judged."""
    told = [check.detail for check in checks if check.outcome == ("failed" if verdict is Verdict.REJECT else "passed")]
    if verdict is Verdict.REJECT:
        begins = f"{request.challenger} does not become the model of web service {request.service}"
        kept = f", which goes on with {against}." if against else ", which has none yet."
        return " ".join([begins + kept, *told])
    begins = f"{request.challenger} becomes the model of web service {request.service}"
    return " ".join([begins + (f" in place of {against}." if against else ", its first one."), *told])
