from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.drops.ledger_workspace import LedgerWorkspace

from azureml_drops.finding import FoundDrop
from azureml_drops.ledger import DropStatus, note_seen, read_drop
from azureml_drops.pending import LedgerView
from azureml_drops.storage import StorageEntry
from azureml_workspace.errors import ServiceUnavailable

pytestmark = pytest.mark.unit


def drop(key: str, second: int = 0) -> FoundDrop:
    path = f"/data/{key}.csv"
    modified = datetime(2026, 11, 27, second=second, tzinfo=UTC)
    return FoundDrop(key=key, path=path, files=(StorageEntry(path=path, size=8, modified=modified),))


@pytest.fixture
def workspace() -> Any:
    return LedgerWorkspace()


def pending(view: LedgerView, workspace: Any, *drops: FoundDrop, **limits: int) -> list[str]:
    view.refresh(workspace, [found.key for found in drops], **limits)
    return [found.key for found in view.pending(drops)]


def test_a_drop_that_nothing_happened_to_is_pending(workspace: Any) -> None:
    assert pending(LedgerView("calls"), workspace, drop("b"), drop("a")) == ["b", "a"]
    assert workspace.reads == []


@pytest.mark.parametrize("status", list(DropStatus))
def test_a_drop_is_pending_until_its_end(workspace: Any, status: DropStatus) -> None:
    workspace.tell(drop("a"), status)
    expected = [] if status.is_final else ["a"]
    assert pending(LedgerView("calls"), workspace, drop("a")) == expected


def test_an_end_is_one_whatever_is_noted_later(workspace: Any) -> None:
    workspace.tell(drop("a"), DropStatus.REGISTERED, DropStatus.PROMOTED, DropStatus.REGISTERED)
    assert pending(LedgerView("calls"), workspace, drop("a")) == []


def test_a_file_written_again_is_pending_until_somebody_looked(workspace: Any) -> None:
    view = LedgerView("calls")
    workspace.tell(drop("a"), DropStatus.PROMOTED)
    assert pending(view, workspace, drop("a", second=1)) == ["a"]
    workspace.tell(drop("a", second=1))
    assert pending(view, workspace, drop("a", second=1)) == []
    workspace.tell(drop("a", second=2), DropStatus.REGISTERED, fingerprint="sha256:2")
    assert pending(view, workspace, drop("a", second=2)) == ["a"]
    assert pending(view, workspace, drop("a")) == []


def test_a_drop_that_was_missing_is_pending_when_it_comes(workspace: Any) -> None:
    workspace.tell(drop("a"), DropStatus.MISSING, fingerprint="")
    assert pending(LedgerView("calls"), workspace, drop("a", second=1)) == ["a"]


def test_records_are_read_once_and_again_when_they_changed(workspace: Any) -> None:
    view = LedgerView("calls")
    workspace.tell(drop("a"), DropStatus.REJECTED)
    workspace.tell(drop("b"), DropStatus.TRAINED)
    workspace.reads.clear()
    for _ in range(3):
        assert pending(view, workspace, drop("a"), drop("b"), drop("c")) == ["b", "c"]
    assert sorted(workspace.reads) == ["drops/calls/a", "drops/calls/b"]
    workspace.tell(drop("b"), DropStatus.REJECTED)
    workspace.reads.clear()
    assert pending(view, workspace, drop("a"), drop("b"), drop("c")) == ["c"]
    assert workspace.reads == ["drops/calls/b"]


def test_drops_that_are_not_there_are_not_read(workspace: Any) -> None:
    for key in ("a", "b"):
        workspace.tell(drop(key), DropStatus.REJECTED)
    workspace.reads.clear()
    assert pending(LedgerView("calls"), workspace, drop("a")) == []
    assert workspace.reads == ["drops/calls/a"]


def test_many_records_are_read_in_portions_the_newest_first(workspace: Any) -> None:
    view = LedgerView("calls")
    drops = [drop(f"2026-11-0{day}") for day in range(1, 8)]
    for found in drops[:6]:
        workspace.tell(found, DropStatus.TRAINED)
    workspace.reads.clear()
    assert pending(view, workspace, *drops, most=4) == [f"2026-11-0{day}" for day in (3, 4, 5, 6, 7)]
    assert not view.is_complete
    assert pending(view, workspace, *drops, most=4) == [found.key for found in drops]
    assert view.is_complete
    assert len(workspace.reads) == 6


def test_records_may_be_read_side_by_side(workspace: Any) -> None:
    drops = [drop(f"k{number}") for number in range(30)]
    for found in drops[:20]:
        workspace.tell(found, DropStatus.REJECTED)
    view = LedgerView("calls")
    assert pending(view, workspace, *drops, at_once=8) == [found.key for found in drops[20:]]


def test_what_was_read_before_an_outage_is_kept(workspace: Any) -> None:
    view = LedgerView("calls")
    workspace.tell(drop("a"), DropStatus.REJECTED)
    assert pending(view, workspace, drop("a")) == []
    workspace.trouble = ServiceUnavailable("gone")
    with pytest.raises(ServiceUnavailable):
        view.refresh(workspace, ["a"])
    workspace.trouble = None
    workspace.reads.clear()
    assert pending(view, workspace, drop("a")) == []
    assert workspace.reads == []


def test_another_dataset_of_a_similar_name_is_not_looked_at(workspace: Any) -> None:
    workspace.tell(drop("a"), DropStatus.REJECTED)
    assert pending(LedgerView("call"), workspace, drop("a")) == ["a"]
    assert workspace.reads[-1:] != ["drops/call/a"]


def test_a_record_keeps_the_latest_states_only(workspace: Any) -> None:
    for second in range(30):
        workspace.tell(drop("a", second), DropStatus.REJECTED)
    record = read_drop(workspace, "calls", "a")
    assert record is not None
    assert list(record.seen) == [drop("a", second).content_state for second in range(10, 30)]


def test_of_a_drop_that_nothing_happened_to_no_state_is_kept(workspace: Any) -> None:
    note_seen(workspace, "calls", "a", "state", "sha256:1")
    assert workspace.documents == {}
