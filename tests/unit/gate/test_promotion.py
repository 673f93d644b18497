from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.gate.conftest import SERVICE, Gate, model, no_new_decision
from tests.unit.gate.memory_workspace import NOW, Died

from azureml_drops.ledger import DropStatus
from azureml_gate.approval import Approval, record_approval
from azureml_gate.decision import DecisionRecord, Verdict
from azureml_gate.history import ChampionAction
from azureml_gate.lease import LeaseHeld, acquire
from azureml_gate.live_service import LiveService, RolloutSettings, Stopped
from azureml_gate.promotion import promote
from azureml_gate.rollout import RollbackFailed
from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit


def test_the_first_model_makes_the_service_with_the_settings_asked_for(gate: Gate) -> None:
    settings = {"cpu_cores": 0.5, "memory_gb": 2.0, "response_format": "object", "app_insights_enabled": True}
    done = gate.promote(gate.decision(1, None), settings=settings)
    assert done.is_promoted
    service = gate.memory.services[SERVICE]
    assert (service.state, service.cpu_cores, service.memory_gb) == (ServiceState.HEALTHY, 0.5, 2.0)
    assert (service.response_format, service.app_insights_enabled) == ("object", True)
    assert gate.story() == [("promoted", 1)]
    (entry,) = gate.history.entries
    assert (entry.previous, entry.decision, entry.drop_key) == (None, "decisions/svc/1-over-None", "d1")
    assert (entry.by, entry.reason) == ("drops/run-1", "it is better")
    assert gate.outcomes(1) == [DropStatus.TRAINED, DropStatus.PROMOTED]
    assert gate.smoked == [(1, [{"x": 2}, {"x": 3}])], "rows of the holdout with a label, without it"


def test_a_service_that_lives_keeps_its_own_settings(gate: Gate) -> None:
    gate.promote(gate.decision(1, None), settings={"memory_gb": 3.0, "auth_enabled": False, "collect_inputs": False})
    gate.memory.services[SERVICE] = replace(
        gate.memory.services[SERVICE], app_insights_enabled=True, tags={"team": "a"}, response_format="object"
    )
    gate.promote(gate.decision(2, 1))
    service = gate.memory.services[SERVICE]
    assert (service.model_version, service.memory_gb, service.auth_enabled) == (2, 3.0, False)
    assert (service.app_insights_enabled, service.tags, service.collect_inputs) == (True, {"team": "a"}, False)
    assert service.response_format == "object"


def test_a_decision_that_is_not_to_promote_touches_nothing(gate: Gate) -> None:
    done = gate.promote(gate.decision(1, None, verdict=Verdict.REJECT, reason="it is worse"))
    assert (done.entry, done.reason) == (None, "it is worse")
    assert gate.memory.services == {}


def test_a_model_that_fails_its_smoke_test_is_rolled_back_by_itself(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))
    gate.bad = {2}
    done = gate.promote(gate.decision(2, 1))
    assert not done.is_promoted
    assert gate.served == 1
    assert gate.story() == [("promoted", 1), ("rolled_back", 1)]
    entry = gate.history.entries[-1]
    assert entry.previous == model(2)
    assert entry.reason == "the smoke test failed: score: version 2"
    assert gate.outcomes(2) == [DropStatus.TRAINED, DropStatus.ROLLED_BACK]
    assert gate.promote(gate.decision(3, 1)).is_promoted


def test_a_first_model_that_fails_its_smoke_test_leaves_no_service(gate: Gate) -> None:
    gate.bad = {1}
    done = gate.promote(gate.decision(1, None))
    assert done.entry is not None
    assert (done.entry.action, done.entry.model) == (ChampionAction.ROLLED_BACK, None)
    assert gate.memory.services == {}
    assert gate.promote(gate.decision(2, None)).is_promoted


@pytest.mark.parametrize("champion", [None, 1])
def test_a_deployment_that_is_refused_is_rolled_back(gate: Gate, champion: int | None) -> None:
    if champion:
        gate.promote(gate.decision(1, None))
    gate.memory.refused = {2}
    done = gate.promote(gate.decision(2, champion))
    assert done.entry is not None
    assert done.entry.action is ChampionAction.ROLLED_BACK
    assert "it cannot be loaded" in done.entry.reason
    assert gate.served == champion
    assert all(version != 2 for version, _ in gate.smoked)


def test_a_former_model_that_cannot_be_put_back_is_tried_again_later(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))
    gate.bad, gate.memory.refused = {2}, {1}
    with pytest.raises(RollbackFailed, match="could not be put back"):
        gate.promote(gate.decision(2, 1))
    gate.memory.refused = set()
    done = gate.promote(gate.decision(2, 1))
    assert done.entry is not None
    assert done.entry.action is ChampionAction.ROLLED_BACK
    assert gate.served == 1
    assert gate.history.pending is None


def test_a_decision_is_carried_out_once(gate: Gate) -> None:
    first = gate.promote(gate.decision(1, None))
    second = gate.promote(gate.decision(2, 1))
    deployments = len(gate.memory.deployments)
    assert gate.promote(gate.decision(1, None)) == first
    assert gate.promote(gate.decision(2, 1)) == second
    assert len(gate.memory.deployments) == deployments
    assert gate.outcomes(1) == [DropStatus.TRAINED, DropStatus.PROMOTED]


def test_a_champion_that_changed_meanwhile_has_the_decision_made_anew(gate: Gate) -> None:
    gate.promote(gate.decision(2, None))
    asked: list[DecisionRecord] = []

    def decide_anew(decision: DecisionRecord) -> DecisionRecord:
        asked.append(decision)
        return gate.decision(3, 2, supersedes=decision.decision_id)

    done = gate.promote(gate.decision(3, 1), decide_anew)
    assert done.is_promoted
    assert done.decision.decision_id == "3-over-2"
    assert [decision.decision_id for decision in asked] == ["3-over-1"]
    assert gate.history.entries[-1].previous == model(2)
    assert gate.promote(gate.decision(3, 1)) == replace(done, decision=gate.decision(3, 1)), "by what was asked, too"


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.OLDER])
def test_a_decision_made_anew_is_obeyed(gate: Gate, verdict: Verdict) -> None:
    gate.promote(gate.decision(2, None))
    anew = gate.decision(1, 2, verdict=verdict, reason="the champion is of newer data")
    done = gate.promote(gate.decision(1, None), lambda _decision: anew)
    assert (done.entry, done.reason, done.decision) == (None, "the champion is of newer data", anew)
    assert gate.served == 2
    assert gate.story() == [("promoted", 2)]
    assert gate.outcomes(1)[1:] == [DropStatus.OLDER if verdict is Verdict.OLDER else DropStatus.REJECTED]


def test_a_challenger_that_was_deployed_by_hand_is_tested_and_written_down(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))
    gate.memory.deploy(gate.memory.deployments[0].__class__(service_name=SERVICE, model_name="shop", model_version=2))
    done = gate.promote(gate.decision(2, 1))
    assert done.is_promoted
    assert gate.history.entries[-1].previous == model(1)


def test_a_challenger_that_was_the_champion_already_when_it_was_judged_changes_nothing(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))
    deployments = len(gate.memory.deployments)
    done = gate.promote(gate.decision(1, 1, reason="it serves already"))
    assert (done.entry, done.reason) == (None, "it serves already")
    assert (gate.story(), len(gate.memory.deployments)) == ([("promoted", 1)], deployments)


def approval(decision: DecisionRecord, *, approved: bool) -> Approval:
    return Approval(decision=decision.path, approved=approved, by="ann", at=NOW, note="as agreed")


def test_what_a_person_rejected_is_not_promoted(gate: Gate) -> None:
    decision = gate.decision(1, None)
    record_approval(gate.workspace, decision, approval(decision, approved=False))
    done = gate.promote(decision)
    assert (done.entry, done.reason, done.needs_approval) == (None, "rejected by ann: as agreed", False)
    assert gate.outcomes(1)[-1] is DropStatus.REJECTED


def test_approval_that_is_asked_for_has_to_be_there(gate: Gate) -> None:
    decision = gate.decision(1, None)
    done = gate.promote(decision, require_approval=True)
    assert (done.entry, done.needs_approval) == (None, True)
    assert "nobody approved decisions/svc/1-over-None" in done.reason
    record_approval(gate.workspace, decision, approval(decision, approved=True))
    assert gate.promote(decision, require_approval=True).is_promoted


def test_an_approval_is_of_one_decision_and_not_of_the_one_made_anew(gate: Gate) -> None:
    gate.promote(gate.decision(2, None))
    decision = gate.decision(3, 1)
    record_approval(gate.workspace, decision, approval(decision, approved=True))
    done = gate.promote(decision, lambda _decision: gate.decision(3, 2))
    assert (done.entry, done.needs_approval) == (None, True)
    assert "serves shop version 2 by now" in done.reason
    assert gate.served == 2


def test_one_at_a_time(gate: Gate) -> None:
    acquire(gate.workspace, SERVICE, "somebody else")
    with pytest.raises(LeaseHeld, match="somebody else"):
        gate.promote(gate.decision(1, None))


def test_a_challenger_that_is_not_registered_any_more_is_refused_before_anything_is_written(gate: Gate) -> None:
    with pytest.raises(NotFound):
        gate.promote(gate.decision(99, None))
    assert not [path for path in gate.memory.documents if path.startswith(("champions", "leases"))]


def test_somebody_elses_deployment_is_waited_for_by_the_next_try(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.promote(gate.decision(1, None))

    def busy(_settings: Any) -> None:
        raise Conflict("service svc is being deployed")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(gate.memory, "deploy", busy)
        with pytest.raises(ServiceUnavailable, match="somebody else deploys to web service svc"):
            gate.promote(gate.decision(2, 1))
    assert gate.promote(gate.decision(2, 1)).is_promoted
    assert gate.story() == [("promoted", 1), ("promoted", 2)]


def test_a_deployment_that_does_not_end_is_left_to_the_next_try(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.promote(gate.decision(1, None))
    under_way = replace(gate.memory.services[SERVICE], state=ServiceState.TRANSITIONING)
    look = gate.memory.get_service
    with monkeypatch.context() as stuck:
        stuck.setattr(gate.memory, "get_service", lambda name: under_way if gate.memory.transitions else look(name))
        with pytest.raises(ServiceUnavailable, match="was not done after 0 s"):
            gate.promote(gate.decision(2, 1), settings={"timeout": 0.01})
    assert gate.promote(gate.decision(2, 1)).is_promoted
    assert gate.outcomes(2) == [DropStatus.TRAINED, DropStatus.PROMOTED]


def test_a_service_that_is_silent_right_after_an_update_is_given_time(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))
    gate.silences = 3
    assert gate.promote(gate.decision(2, 1), settings={"outage": 60.0}).is_promoted
    gate.silences = 1
    done = gate.promote(gate.decision(3, 2), settings={"outage": 0.0})
    assert done.entry is not None
    assert done.entry.action is ChampionAction.ROLLED_BACK, "but not for ever"


def test_an_outage_of_the_workspace_is_borne_for_a_while(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    look, away = gate.memory.get_service, [3]

    def sometimes(name: str) -> Any:
        if away[0]:
            away[0] -= 1
            raise ServiceUnavailable("the workspace is away")
        return look(name)

    monkeypatch.setattr(gate.memory, "get_service", sometimes)
    assert gate.promote(gate.decision(1, None), settings={"outage": 60.0}).is_promoted
    away[0] = 1000
    with pytest.raises(ServiceUnavailable, match="is away"):
        gate.promote(gate.decision(2, 1), settings={"outage": 0.005})


def test_a_task_that_is_stopped_leaves_the_rest_to_the_next_one(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))
    stopping = LiveService(gate.workspace, SERVICE, RolloutSettings(poll=0.001), stopped=lambda: True)
    with pytest.raises(Stopped):
        promote(
            gate.workspace,
            gate.decision(2, 1),
            service=stopping,
            owner="drops/run-2/promote",
            decide_anew=no_new_decision,
        )
    assert gate.history.pending is not None
    assert gate.promote(gate.decision(2, 1)).is_promoted
    assert gate.story() == [("promoted", 1), ("promoted", 2)]


STEPS = [(write, after) for write in range(1, 16) for after in (False, True)]


def die_while_promoting(gate: Gate, decision: DecisionRecord, write: int, *, after: bool) -> bool:
    """Whether it died: there may be fewer writes than that."""
    gate.kill_at(write, after=after)
    try:
        gate.promote(decision)
    except Died:
        return True
    finally:
        gate.live_again()
    return False


@pytest.mark.parametrize("is_bad", [False, True])
@pytest.mark.parametrize(("write", "after"), STEPS)
def test_a_retry_finishes_what_a_killed_try_began(gate: Gate, write: int, after: bool, is_bad: bool) -> None:
    gate.promote(gate.decision(1, None))
    gate.bad = {2} if is_bad else set()
    die_while_promoting(gate, gate.decision(2, 1), write, after=after)
    assert gate.served in {1, 2}
    done = gate.promote(gate.decision(2, 1))
    assert done.is_promoted is not is_bad
    assert gate.served == (1 if is_bad else 2)
    assert gate.story() == [("promoted", 1), ("rolled_back", 1) if is_bad else ("promoted", 2)]
    assert gate.history.pending is None
    last = DropStatus.ROLLED_BACK if is_bad else DropStatus.PROMOTED
    assert gate.outcomes(2) == [DropStatus.TRAINED, last]


@pytest.mark.parametrize("is_bad", [False, True])
@pytest.mark.parametrize(("write", "after"), STEPS)
def test_the_next_promotion_finishes_what_a_killed_one_began(gate: Gate, write: int, after: bool, is_bad: bool) -> None:
    gate.promote(gate.decision(1, None))
    gate.bad = {2} if is_bad else set()
    died = die_while_promoting(gate, gate.decision(2, 1), write, after=after)
    del gate.memory.documents["leases/svc"]  # it ran out

    def decide_anew(decision: DecisionRecord) -> DecisionRecord:
        return gate.decision(3, gate.served)

    assert gate.promote(gate.decision(3, 1), decide_anew).is_promoted
    assert gate.served == 3
    assert gate.history.pending is None
    story = gate.story()
    assert (story[0], story[-1]) == (("promoted", 1), ("promoted", 3))
    finished = story[1:-1]
    assert finished in ([], [("rolled_back", 1) if is_bad else ("promoted", 2)])
    assert finished or died
    assert gate.history.entries[-1].previous == (model(2) if ("promoted", 2) in finished else model(1))
    assert len(gate.outcomes(2)) == 1 + len(finished)


def test_whoever_lost_the_lease_writes_nothing_more(gate: Gate) -> None:
    gate.promote(gate.decision(1, None))

    def taken_over_meanwhile(path: str) -> None:
        if path == "champions/svc":
            gate.memory.before_write = lambda _path: None
            acquire(gate.workspace, SERVICE, "drops/run-2/promote")

    gate.memory.before_write = taken_over_meanwhile
    deployed = len(gate.memory.deployments)
    with pytest.raises(ServiceUnavailable, match="lease svc was lost"):
        gate.promote(gate.decision(2, 1))
    assert len(gate.memory.deployments) == deployed
