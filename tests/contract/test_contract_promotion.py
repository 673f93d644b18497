"""A model is promoted, rolled back by itself and gone back from on every adapter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.contract.conftest import LABEL, Trained

from azureml_drops.ledger import DropStatus, read_drop
from azureml_gate.decision import DecisionRecord, GateRequest, Verdict, Versioned
from azureml_gate.history import ChampionAction, read_history
from azureml_gate.lease import LeaseHeld, LeaseLost, acquire
from azureml_gate.live_service import LiveService, RolloutSettings
from azureml_gate.promotion import Promotion, promote
from azureml_gate.restoring import restore
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.contract

SERVICE = "contract-live"


@pytest.fixture
def models(workspace: Workspace, trained: Trained) -> Iterator[tuple[Versioned, Versioned]]:
    """Two models of one run, which is enough to tell which of them serves."""
    registered = [workspace.register_model(name, trained.run.run_id) for name in ("contract-old", "contract-new")]
    workspace.delete_service(SERVICE)
    first, second = (Versioned(name=model.name, version=model.version) for model in registered)
    yield first, second
    workspace.delete_service(SERVICE)


def promoted(
    workspace: Workspace, trained: Trained, challenger: Versioned, champion: Versioned | None, *, holdout: Versioned
) -> Promotion:
    now = datetime.now(UTC)
    request = GateRequest(
        service=SERVICE,
        candidate_service="contract-candidate",
        challenger=challenger,
        holdout=holdout,
        label=LABEL,
        drop_dataset="contract-drops",
        drop_key=challenger.name,
        by="contract",
    )
    decision = DecisionRecord(
        decision_id=f"{challenger.name}-{now:%Y%m%d%H%M%S%f}",
        at=now,
        request=request,
        champion=champion,
        verdict=Verdict.PROMOTE,
        reason="it is better",
    )
    return promote(
        workspace,
        decision,
        service=live(workspace),
        owner=f"contract/{decision.decision_id}",
        decide_anew=lambda given: given,
        wait_seconds=30,
    )


def live(workspace: Workspace) -> LiveService:
    return LiveService(workspace, SERVICE, RolloutSettings(poll=0.1, outage=30, app_insights_enabled=True))


def test_promotion_rollback_and_going_back(
    workspace: Workspace, trained: Trained, models: tuple[Versioned, Versioned]
) -> None:
    old, new = models
    holdout = Versioned(name=trained.dataset.name, version=trained.dataset.version)
    assert promoted(workspace, trained, old, None, holdout=holdout).is_promoted
    key = workspace.service_keys(SERVICE).primary
    assert promoted(workspace, trained, new, old, holdout=holdout).is_promoted
    found = workspace.get_service(SERVICE)
    assert (found.model_name, found.app_insights_enabled) == ("contract-new", True)
    assert workspace.service_keys(SERVICE).primary == key

    back = restore(workspace, service=live(workspace), owner=f"contract/{found.updated_at}", by="ann", reason="slow")
    assert (back.action, back.model, back.previous) == (ChampionAction.RESTORED, old, new)
    assert workspace.get_service(SERVICE).model_name == "contract-old"
    entries = read_history(workspace, SERVICE).entries[-3:]
    assert [entry.model for entry in entries] == [old, new, old]
    drop = read_drop(workspace, "contract-drops", "contract-new")
    assert drop is not None
    assert drop.latest.status is DropStatus.PROMOTED


def test_a_lease_has_one_holder(workspace: Workspace) -> None:
    first = acquire(workspace, "contract", "a")
    with pytest.raises(LeaseHeld):
        acquire(workspace, "contract", "b")
    first.confirm()
    again = acquire(workspace, "contract", "a")
    with pytest.raises(LeaseLost):
        first.confirm()
    again.release()
    acquire(workspace, "contract", "b").release()
