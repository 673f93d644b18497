from __future__ import annotations

import pytest
from tests.unit.gate.conftest import Gate, model
from tests.unit.gate.memory_workspace import NOW, Died

from azureml_gate import history as module
from azureml_gate.history import ChampionAction, ChampionEntry, HistoryWriter, Intent, read_all_entries
from azureml_gate.lease import LeaseLost

pytestmark = pytest.mark.unit


def entry(version: int) -> ChampionEntry:
    previous = model(version - 1) if version > 1 else None
    return ChampionEntry(at=NOW, action=ChampionAction.PROMOTED, model=model(version), previous=previous)


@pytest.fixture
def writer(gate: Gate) -> HistoryWriter:
    return HistoryWriter(gate.workspace, "svc", token=7)


def test_a_service_of_which_nothing_is_known_has_an_empty_history(gate: Gate) -> None:
    assert (gate.history.entries, gate.history.pending, gate.history.before(model(1))) == ((), None, None)


def test_one_with_an_older_lease_writes_nothing(gate: Gate, writer: HistoryWriter) -> None:
    writer.finish(entry(1))
    late = HistoryWriter(gate.workspace, "svc", token=6)
    intent = Intent(at=NOW, action=ChampionAction.PROMOTED, model=model(2), previous=model(1))
    for write in (lambda: late.begin(intent), lambda: late.finish(entry(2)), late.drop):
        with pytest.raises(LeaseLost, match="written under a newer lease"):
            write()
    assert gate.history.entries == (entry(1),)


def test_the_same_end_twice_is_one_entry(gate: Gate, writer: HistoryWriter) -> None:
    writer.finish(entry(1))
    writer.finish(entry(1))
    assert gate.history.entries == (entry(1),)


def test_many_entries_move_to_pages_and_none_is_lost(
    gate: Gate, writer: HistoryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 4)
    for version in range(1, 12):
        writer.finish(entry(version))
    assert len(gate.history.entries) <= 4
    assert gate.history.pages == 4
    assert [made.model for made in read_all_entries(gate.workspace, "svc")] == [model(n) for n in range(1, 12)]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_dying_while_a_page_is_turned_loses_and_doubles_nothing(
    gate: Gate, writer: HistoryWriter, monkeypatch: pytest.MonkeyPatch, write: int, after: bool
) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 4)
    for version in range(1, 5):
        writer.finish(entry(version))
    gate.kill_at(write, after=after)
    with pytest.raises(Died):
        writer.finish(entry(5))
    gate.live_again()
    later = HistoryWriter(gate.workspace, "svc", token=8)
    for version in (5, 6):
        later.finish(entry(version))
    assert [made.model for made in read_all_entries(gate.workspace, "svc")] == [model(n) for n in range(1, 7)]


def test_a_reason_is_kept_short(gate: Gate, writer: HistoryWriter) -> None:
    writer.finish(
        ChampionEntry(at=NOW, action=ChampionAction.DEPLOYED, model=model(1), previous=None, reason="x" * 999)
    )
    assert len(gate.history.entries[0].reason) == 500
