from __future__ import annotations

import pytest
from tests.unit.gate.conftest import SERVICE, Gate, model, no_new_decision

from azureml_gate.direct import conclude_deployment, deploy_directly
from azureml_gate.lease import LeaseHeld, acquire
from azureml_workspace.records import DeploySettings, WebService

pytestmark = pytest.mark.unit


def begin(gate: Gate, version: int, owner: str = "train/1/deploy") -> WebService:
    settings = DeploySettings(service_name=SERVICE, model_name="shop", model_version=version)
    return deploy_directly(gate.workspace, settings, service=gate.live(), owner=owner, wait_seconds=0.0)


def conclude(gate: Gate, owner: str = "train/1/deploy") -> None:
    seen = gate.live().settled()
    assert seen is not None
    conclude_deployment(gate.workspace, seen, owner=owner, wait_seconds=0.0, stopped=lambda: False)


@pytest.fixture
def one(gate: Gate) -> Gate:
    gate.promote(gate.decision(1, None))
    return gate


def test_a_deployment_that_asks_no_gate_is_written_into_the_history(one: Gate) -> None:
    begin(one, 2)
    conclude(one)
    conclude(one)
    assert one.story() == [("promoted", 1), ("deployed", 2)]
    assert one.history.entries[-1].by == "train/1/deploy"
    assert one.history.pending is None
    one.restore()
    assert one.served == 1


def test_it_waits_for_whoever_changes_the_service(one: Gate) -> None:
    acquire(one.workspace, SERVICE, "drops/run-2/promote")
    with pytest.raises(LeaseHeld, match="drops/run-2/promote"):
        begin(one, 2)
    assert one.served == 1


def test_begun_twice_by_one_task_it_is_one_change(one: Gate) -> None:
    begin(one, 2)
    begin(one, 2)
    conclude(one)
    assert one.story() == [("promoted", 1), ("deployed", 2)]
    assert one.history.entries[-1].previous == model(1)


def test_a_refused_one_leaves_no_trace(one: Gate) -> None:
    one.memory.refused = {2}
    begin(one, 2)
    conclude(one)
    assert one.story() == [("promoted", 1)]
    assert one.history.pending is None


def test_one_that_does_not_come_up_at_all_is_no_champion(one: Gate) -> None:
    del one.memory.services[SERVICE]  # by hand
    one.memory.refused = {2}
    begin(one, 2)
    conclude(one)
    assert one.story() == [("promoted", 1)]
    assert one.history.pending is None


def test_the_same_model_deployed_again_does_not_hide_the_way_back(one: Gate) -> None:
    assert one.promote(one.decision(2, 1)).is_promoted
    begin(one, 2)
    conclude(one)
    assert one.story()[-1] == ("deployed", 2)
    assert one.restore().model == model(1)


@pytest.mark.parametrize("is_bad", [False, True])
def test_one_whose_task_died_is_tested_by_the_next_promotion(one: Gate, is_bad: bool) -> None:
    begin(one, 2)
    one.bad = {2} if is_bad else set()
    champion = 1 if is_bad else 2
    done = one.promote(one.decision(3, champion), no_new_decision)
    assert done.is_promoted
    assert one.story() == [("promoted", 1), ("rolled_back", 1) if is_bad else ("deployed", 2), ("promoted", 3)]
    conclude(one)
    assert len(one.story()) == 3
