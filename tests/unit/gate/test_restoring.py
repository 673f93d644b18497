from __future__ import annotations

from contextlib import suppress

import pytest
from tests.unit.gate.conftest import Gate, model
from tests.unit.gate.memory_workspace import Died

from azureml_drops.ledger import DropStatus
from azureml_gate.history import ChampionAction
from azureml_workspace.errors import InvalidRequest, NotFound

pytestmark = pytest.mark.unit


@pytest.fixture
def three(gate: Gate) -> Gate:
    """Versions 1, 2 and 3 were promoted, one after the other."""
    for challenger, champion in ((1, None), (2, 1), (3, 2)):
        assert gate.promote(gate.decision(challenger, champion)).is_promoted
    return gate


def test_back_to_the_champion_before(three: Gate) -> None:
    entry = three.restore()
    assert (entry.action, entry.model, entry.previous) == (ChampionAction.RESTORED, model(2), model(3))
    assert (entry.by, entry.reason, entry.drop_key) == ("ann", "clients complain", "d2")
    assert three.served == 2
    assert three.outcomes(3)[-1] is DropStatus.ROLLED_BACK
    assert three.outcomes(2)[-1] is DropStatus.PROMOTED


def test_again_goes_one_further_back_and_not_to_where_it_came_from(three: Gate) -> None:
    three.restore(run="rollback/1")
    three.restore(run="rollback/2")
    assert three.served == 1
    with pytest.raises(InvalidRequest, match="knows no model before shop version 1; say which with to_version"):
        three.restore(run="rollback/3")


def test_there_and_back_again_the_ledger_says_which_model_serves(three: Gate) -> None:
    for run, version in enumerate((2, 3, 2, 3)):
        three.restore(to_version=version, run=f"rollback/{run}", by=f"ann (rollback/{run})")
        other = 5 - version
        assert three.outcomes(version)[-1] is DropStatus.PROMOTED
        assert three.outcomes(other)[-1] is DropStatus.ROLLED_BACK


def test_a_retry_of_a_rollback_goes_back_once(three: Gate) -> None:
    assert three.restore(run="rollback/1") == three.restore(run="rollback/1")
    assert three.served == 2


def test_to_a_version_that_a_person_names(three: Gate) -> None:
    assert three.restore(to_version=1).model == model(1)
    assert three.served == 1
    assert three.restore(to_version=5, run="rollback/2").model == model(5)


def test_what_cannot_be_gone_back_to(three: Gate) -> None:
    with pytest.raises(InvalidRequest, match="serves shop version 3 already"):
        three.restore(to_version=3)
    with pytest.raises(NotFound):
        three.restore(to_version=99)
    assert three.served == 3


def test_a_service_that_is_not_there(gate: Gate) -> None:
    with pytest.raises(NotFound, match="no web service 'svc'"):
        gate.restore()


def test_an_older_model_that_does_not_work_any_more_is_taken_away_again(three: Gate) -> None:
    three.bad = {2}
    entry = three.restore()
    assert (entry.action, entry.model, entry.previous) == (ChampionAction.ROLLED_BACK, model(3), model(2))
    assert three.served == 3
    assert three.history.pending is None


@pytest.mark.parametrize("served", [3, 4])
def test_what_a_dead_promotion_left_gives_way_to_a_person(three: Gate, served: int) -> None:
    """It died before the deployment, or after: the model that was never tested is what the person goes back from."""
    three.kill_at(3 if served == 3 else 4, after=True)
    with pytest.raises(Died):
        three.promote(three.decision(4, 3))
    three.live_again()
    del three.memory.documents["leases/svc"]
    three.live().settled()
    assert (three.served, three.history.pending is not None) == (served, True)
    entry = three.restore()
    assert entry.model == model(served - 1)
    assert three.history.pending is None


def test_a_retry_does_not_promote_again_what_a_person_took_away(three: Gate) -> None:
    three.kill_at(4, after=True)
    with pytest.raises(Died):
        three.promote(three.decision(4, 3))
    three.live_again()
    del three.memory.documents["leases/svc"]
    assert three.restore().model == model(3)
    retried = three.promote(three.decision(4, 3))
    assert not retried.is_promoted
    assert retried.entry is not None
    assert (retried.entry.reason, three.served) == ("clients complain", 3)
    assert three.outcomes(4)[-1] is DropStatus.ROLLED_BACK


def test_a_person_who_could_not_go_back_ends_no_promotion(three: Gate) -> None:
    three.kill_at(4, after=True)
    with pytest.raises(Died):
        three.promote(three.decision(4, 3))
    three.live_again()
    del three.memory.documents["leases/svc"]
    three.bad = {3}
    assert three.restore().action is ChampionAction.ROLLED_BACK
    assert three.promote(three.decision(4, 3)).is_promoted


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(1, 14))
def test_a_retry_finishes_what_a_killed_rollback_began(three: Gate, write: int, after: bool) -> None:
    three.kill_at(write, after=after)
    with suppress(Died):
        three.restore()
    three.live_again()
    three.restore()
    assert three.served == 2
    assert [action for action, _ in three.story()] == ["promoted"] * 3 + ["restored"]
    assert three.history.pending is None


def test_after_a_rollback_promotions_go_on_from_there(three: Gate) -> None:
    three.restore()
    assert three.promote(three.decision(4, 2)).is_promoted
    three.restore(run="rollback/2")
    assert three.served == 2
