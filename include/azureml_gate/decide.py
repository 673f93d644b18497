"""Decide whether a challenger becomes the champion, and keep the decision."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from azureml_gate.age import Age, Provenance, age_of, provenance_of
from azureml_gate.contestants import DROP_DATASET_TAG, DROP_KEY_TAG, Champion, KeyOf, find_challenger, find_champion
from azureml_gate.decision import Check, DecisionRecord, GateRequest, Verdict
from azureml_gate.store import decision_id, find_decision, store_decision
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import validate_service_name

_ATTEMPTS = 3

logger = logging.getLogger(__name__)


def decide(workspace: Workspace, request: GateRequest, *, key_of: KeyOf, supersedes: str = "") -> DecisionRecord:
    """The stored decision on the request, made now, or found when the same was asked before with the same champion.

    The candidate service must serve the challenger. `key_of` gives a service's key, None for one that asks for none.
    `supersedes` is the decision that this one replaces. Nothing is deployed.

    :raises InvalidRequest: a setting, the holdout or a service's answers cannot be used.
    :raises NotFound: no such candidate service, model or dataset. :raises Conflict: the candidate serves another model.
    :raises EndpointError, ServiceUnavailable: a service does not answer, or changes all the time; nothing was decided,
        so ask again.
    """
    for _ in range(_ATTEMPTS):
        question = _ask(workspace, request, supersedes)
        decided = _known(workspace, question) or _measure(workspace, question, key_of)
        if decided is not None:
            return decided
    raise ServiceUnavailable(
        f"the model of web service {request.service} changed {_ATTEMPTS} times while it was measured; decide again."
    )


def decide_by_age(workspace: Workspace, request: GateRequest) -> DecisionRecord | None:
    """The stored decision against a challenger of older data than the champion's; None when it may come to the gate.

    It needs no candidate service. :raises InvalidRequest: a setting cannot work. :raises NotFound: no such model.
    """
    question = _ask(workspace, request, "")
    return _store_older(workspace, question) if question.is_too_old else None


@dataclass(frozen=True, kw_only=True)
class _Question:
    """The request, with what the challenger's tags say of its drop, and the champion of the moment."""

    request: GateRequest
    champion: Champion
    supersedes: str
    ours: Provenance
    theirs: Provenance | None

    @property
    def decision_id(self) -> str:
        return decision_id(self.request, self.champion.version, self.supersedes)

    @property
    def age(self) -> Age:
        return Age.NEWER if self.theirs is None else age_of(self.ours, self.theirs)

    @property
    def is_served(self) -> bool:
        return self.champion.version == self.request.challenger

    @property
    def is_too_old(self) -> bool:
        return self.age is Age.OLDER and not self.request.settings.allow_older and not self.is_served

    def answer(self, verdict: Verdict, reason: str) -> DecisionRecord:
        """A record without figures."""
        return DecisionRecord(
            decision_id=self.decision_id,
            at=datetime.now(UTC),
            request=self.request,
            champion=self.champion.version,
            verdict=verdict,
            reason=reason,
            warnings=self.champion.warnings,
            supersedes=self.supersedes,
        )


def _ask(workspace: Workspace, request: GateRequest, supersedes: str) -> _Question:
    request.settings.validate()
    validate_service_name(request.service)
    model = workspace.get_model(request.challenger.name, request.challenger.version)
    request = replace(
        request,
        drop_dataset=request.drop_dataset or model.tags.get(DROP_DATASET_TAG, ""),
        drop_key=request.drop_key or model.tags.get(DROP_KEY_TAG, ""),
    )
    champion = find_champion(workspace, request.service)
    live = champion.contestant
    return _Question(
        request=request,
        champion=champion,
        supersedes=supersedes,
        ours=replace(provenance_of(model), drop_dataset=request.drop_dataset, drop_key=request.drop_key),
        theirs=None if live is None else provenance_of(live.model),
    )


def _known(workspace: Workspace, question: _Question) -> DecisionRecord | None:
    """What was decided before, or is clear without a look at the candidate."""
    stored = find_decision(workspace, question.request.service, question.decision_id)
    if stored is None and question.is_served:
        return _store_served(workspace, question)
    if stored is None and question.is_too_old:
        return _store_older(workspace, question)
    return stored


def _store_served(workspace: Workspace, question: _Question) -> DecisionRecord:
    request = question.request
    reason = f"{request.challenger} is what web service {request.service} serves already."
    return store_decision(workspace, question.answer(Verdict.PROMOTE, reason))


def _store_older(workspace: Workspace, question: _Question) -> DecisionRecord:
    request, theirs = question.request, question.theirs
    reason = (
        f"{request.challenger} was trained on data up to drop {request.drop_key}, and web service {request.service} "
        f"serves {question.champion.version}, trained on data up to drop {theirs and theirs.drop_key}. An older model "
        "does not replace a newer one unless allow_older is set."
    )
    return store_decision(workspace, question.answer(Verdict.OLDER, reason))


def _measure(workspace: Workspace, question: _Question, key_of: KeyOf) -> DecisionRecord | None:
    """The stored decision; None when the champion changed meanwhile."""
    from azureml_gate.evaluation import evaluate

    started = time.monotonic()
    request, champion = question.request, question.champion
    challenger = find_challenger(workspace, request)
    found = evaluate(workspace, request, challenger, champion.contestant, age=question.age, key_of=key_of)
    now_served = find_champion(workspace, request.service).version
    if now_served != champion.version:
        logger.info("%s serves %s by now: the figures are of no use.", request.service, now_served)
        return None
    verdict = Verdict.REJECT if found.failed else Verdict.PROMOTE
    record = replace(
        question.answer(verdict, _reason(question, verdict, found.checks)),
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


def _reason(question: _Question, verdict: Verdict, checks: Sequence[Check]) -> str:
    """Why, in sentences: all that failed, or all that was judged."""
    request, against = question.request, question.champion.version
    told = [check.detail for check in checks if check.outcome == ("failed" if verdict is Verdict.REJECT else "passed")]
    if verdict is Verdict.REJECT:
        begins = f"{request.challenger} does not become the model of web service {request.service}"
        kept = f", which goes on with {against}." if against else ", which has none yet."
        return " ".join([begins + kept, *told])
    begins = f"{request.challenger} becomes the model of web service {request.service}"
    return " ".join([begins + (f" in place of {against}." if against else ", its first one."), *told])
