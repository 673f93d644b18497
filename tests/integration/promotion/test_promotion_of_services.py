"""Promotions and rollbacks of a real service that clients never stop asking."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.integration.promotion.conftest import (
    DAMAGED,
    MODEL,
    WRONG_HOLDOUT,
    clients,
    decided,
    outcome_of,
    version,
)
from tests.local_server import LocalServer

from azureml_drops.ledger import DropStatus, read_drop
from azureml_gate.decision import DecisionRecord
from azureml_gate.history import ChampionAction, read_history
from azureml_gate.live_service import LiveService, RolloutSettings
from azureml_gate.promotion import Promotion, promote
from azureml_gate.restoring import restore
from azureml_workspace.local.workspace import LocalWorkspace
from azureml_workspace.protocol import Workspace
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.integration


def live(workspace: Workspace, name: str, **settings: Any) -> LiveService:
    return LiveService(workspace, name, RolloutSettings(poll=0.05, outage=20, **settings))


def against_what_is_there(workspace: Workspace) -> Any:
    """A gate that passes whatever it is asked."""

    def decide_anew(decision: DecisionRecord) -> DecisionRecord:
        request = decision.request
        champion = workspace.get_service(request.service).model_version
        return decided(workspace, request.service, request.challenger.version, champion, holdout=request.holdout)

    return decide_anew


def promoted(workspace: Workspace, decision: DecisionRecord, **settings: Any) -> Promotion:
    return promote(
        workspace,
        decision,
        service=live(workspace, decision.request.service, **settings),
        owner=f"{decision.request.by}/promote",
        decide_anew=against_what_is_there(workspace),
        wait_seconds=60,
    )


def test_no_request_is_lost_in_promotions_rollbacks_and_refusals(workspace: LocalWorkspace, name: str) -> None:
    first = promoted(workspace, decided(workspace, name, 1, None), app_insights_enabled=True, memory_gb=2.0)
    assert first.is_promoted
    with clients(workspace, name) as asking:
        for challenger in (2, 3, 4):
            assert promoted(workspace, decided(workspace, name, challenger, challenger - 1)).is_promoted
        failed = promoted(workspace, decided(workspace, name, 5, 4, holdout=WRONG_HOLDOUT))
        refused = promoted(workspace, decided(workspace, name, DAMAGED, 4))
        back = restore(workspace, service=live(workspace, name), owner="rollback/1/back", by="ann", reason="complaints")
    assert [client.failures for client in asking] == [[], [], []]
    service = workspace.get_service(name)
    assert (service.state, service.model_version) == (ServiceState.HEALTHY, 3)
    assert (service.app_insights_enabled, service.memory_gb) == (True, 2.0), "the service keeps its own settings"
    for promotion, words in ((failed, "rows_match_contract"), (refused, "was refused")):
        assert promotion.entry is not None
        assert promotion.entry.action is ChampionAction.ROLLED_BACK
        assert words in promotion.entry.reason
    assert back.model == version(3)
    history = read_history(workspace, name)
    assert [(entry.action.value, entry.model and entry.model.version) for entry in history.entries] == [
        ("promoted", 1),
        ("promoted", 2),
        ("promoted", 3),
        ("promoted", 4),
        ("rolled_back", 4),
        ("rolled_back", 4),
        ("restored", 3),
    ]
    assert history.pending is None
    outcomes = [outcome_of(workspace, name, number) for number in range(1, DAMAGED + 1)]
    assert outcomes == [DropStatus.PROMOTED] * 4 + [DropStatus.ROLLED_BACK] * 2
    restored_from = read_drop(workspace, MODEL, "2026-01-04")
    assert restored_from is not None, "by the tags of the model that a person took away"
    assert restored_from.latest.status is DropStatus.ROLLED_BACK


def test_promotions_at_once_come_one_after_the_other(workspace: LocalWorkspace, name: str) -> None:
    promoted(workspace, decided(workspace, name, 1, None))
    barrier = threading.Barrier(4)

    def race(challenger: int) -> Promotion:
        own = workspace.reopened(connect_timeout=5, read_timeout=30, retry_seconds=10)
        decision = decided(own, name, challenger, 1)
        barrier.wait()
        return promoted(own, decision)

    with ThreadPoolExecutor(4) as pool, clients(workspace, name, 1) as asking:
        done = list(pool.map(race, (2, 3, 4, 5)))
    assert all(promotion.is_promoted for promotion in done)
    assert asking[0].failures == []
    entries = read_history(workspace, name).entries
    assert sorted(entry.model.version for entry in entries if entry.model) == [1, 2, 3, 4, 5]
    assert [entry.previous for entry in entries] == [None, *(entry.model for entry in entries[:-1])], "a chain"
    last = entries[-1].model
    assert last is not None
    assert workspace.get_service(name).model_version == last.version


def test_a_first_model_that_does_not_work_leaves_nothing(
    promotion_server: LocalServer, workspace: LocalWorkspace, name: str
) -> None:
    promotion = promoted(workspace, decided(workspace, name, DAMAGED, None))
    assert promotion.entry is not None
    assert (promotion.entry.action, promotion.entry.model) == (ChampionAction.ROLLED_BACK, None)
    assert name not in [service.name for service in workspace.list_services()]
    assert outcome_of(workspace, name, DAMAGED) is DropStatus.ROLLED_BACK
