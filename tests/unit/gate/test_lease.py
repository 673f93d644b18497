from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from tests.unit.gate.memory_workspace import MemoryWorkspace

from azureml_gate import lease as module
from azureml_gate.lease import CLOCK_SKEW_SECONDS, Lease, LeaseHeld, LeaseLost, LeaseRecord, acquire, hold, lease_path
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.unit


@pytest.fixture
def memory() -> MemoryWorkspace:
    return MemoryWorkspace()


@pytest.fixture
def workspace(memory: MemoryWorkspace) -> Workspace:
    return cast("Workspace", memory)


def stored(memory: MemoryWorkspace) -> LeaseRecord:
    return LeaseRecord.from_dict(memory.read_document(lease_path("svc")).content)


def age(memory: MemoryWorkspace, seconds: float) -> None:
    """As if everything had been written that long ago, by the clock on the wall."""
    record = stored(memory)
    content = record.to_dict() | {"expires_at": (record.expires_at - timedelta(seconds=seconds)).isoformat()}
    found = memory.read_document(lease_path("svc"))
    memory.write_document(lease_path("svc"), content, expected=found.etag)


def test_one_holds_it_and_the_others_are_told_who(workspace: Workspace) -> None:
    acquire(workspace, "svc", "dag/run-1/promote")
    with pytest.raises(LeaseHeld, match="dag/run-1/promote holds the lease svc since"):
        acquire(workspace, "svc", "dag/run-2/promote")
    acquire(workspace, "other", "dag/run-2/promote")


def test_a_lease_that_was_given_back_is_free(workspace: Workspace) -> None:
    first = acquire(workspace, "svc", "a")
    first.release()
    second = acquire(workspace, "svc", "b")
    assert second.token > first.token
    with pytest.raises(LeaseLost, match="given back"):
        first.confirm()


def test_another_try_of_its_owner_takes_it_over_and_the_earlier_one_notices(workspace: Workspace) -> None:
    earlier = acquire(workspace, "svc", "a")
    later = acquire(workspace, "svc", "a")
    assert later.token > earlier.token
    with pytest.raises(LeaseLost, match="lost by a: a holds it now"):
        earlier.confirm()
    earlier.release()
    later.confirm()


def test_a_lease_that_ran_out_long_ago_is_taken_over(memory: MemoryWorkspace, workspace: Workspace) -> None:
    lost = acquire(workspace, "svc", "a", seconds=60)
    age(memory, 60 + CLOCK_SKEW_SECONDS - 5)
    with pytest.raises(LeaseHeld):
        acquire(workspace, "svc", "b")
    age(memory, 10)
    acquire(workspace, "svc", "b")
    with pytest.raises(LeaseLost, match="b holds it now"):
        lost.confirm()


def test_a_waiter_goes_by_what_it_watches_before_any_clock_on_the_wall_says_that_the_lease_ran_out(
    memory: MemoryWorkspace, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, renewals = [0.0], [0]
    holder = acquire(workspace, "svc", "a", seconds=10)

    def sleep(seconds: float) -> None:
        passed[0] += seconds
        if passed[0] < 60:
            holder.confirm()
            renewals[0] += 1

    start = time.monotonic()
    clock = SimpleNamespace(sleep=sleep, monotonic=lambda: start + passed[0])
    monkeypatch.setattr(module, "time", clock)
    with pytest.raises(LeaseHeld):
        acquire(workspace, "svc", "b", wait_seconds=50)
    assert renewals[0] > 10
    passed[0] = 60.0
    taken = acquire(workspace, "svc", "b", wait_seconds=50)
    assert 70 < passed[0] < 75
    assert stored(memory).owner == "b"
    assert taken.token > holder.token
    with pytest.raises(LeaseLost):
        holder.confirm()


def test_a_holder_that_could_not_renew_in_time_stops_although_nobody_took_over(workspace: Workspace) -> None:
    lease = acquire(workspace, "svc", "a", seconds=0.05)
    time.sleep(0.06)
    with pytest.raises(LeaseLost, match=r"ran out: it was not renewed for 0\.05 s"):
        lease.confirm()


def test_a_removed_document_loses_the_lease_and_tokens_go_on_growing(
    memory: MemoryWorkspace, workspace: Workspace
) -> None:
    lease = acquire(workspace, "svc", "a")
    time.sleep(0.002)
    del memory.documents[lease_path("svc")]
    with pytest.raises(LeaseLost, match="document was removed"):
        lease.confirm()
    assert acquire(workspace, "svc", "b").token > lease.token


@pytest.mark.parametrize("act", [Lease.confirm, Lease.release])
def test_an_answer_that_was_lost_loses_no_lease(
    memory: MemoryWorkspace, workspace: Workspace, act: Callable[[Lease], None]
) -> None:
    lease = acquire(workspace, "svc", "a")
    found = memory.read_document(lease_path("svc"))
    memory.write_document(found.path, found.content, expected=found.etag)  # a renewal of which nothing was heard
    act(lease)
    assert stored(memory).owner == ("a" if act is Lease.confirm else "")


def test_an_outage_shorter_than_the_lease_loses_nothing(memory: MemoryWorkspace, workspace: Workspace) -> None:
    lease = acquire(workspace, "svc", "a", seconds=60)

    def away(_path: str) -> None:
        raise ServiceUnavailable("away")

    memory.before_write = away
    with pytest.raises(ServiceUnavailable, match="away"):
        lease.confirm()
    memory.before_write = lambda _path: None
    lease.confirm()


def test_holding_renews_in_the_background_and_gives_back(memory: MemoryWorkspace, workspace: Workspace) -> None:
    with hold(workspace, "svc", "a", seconds=6) as lease:
        first = stored(memory).expires_at
        end = time.monotonic() + 60
        while stored(memory).expires_at == first:
            assert time.monotonic() < end, "nobody renews it"
            time.sleep(0.01)
        lease.confirm()
        with pytest.raises(LeaseHeld):
            acquire(workspace, "svc", "b")
    assert stored(memory).owner == ""
    acquire(workspace, "svc", "b")


def test_whoever_is_told_to_stop_waits_no_longer(workspace: Workspace) -> None:
    acquire(workspace, "svc", "a")
    with pytest.raises(LeaseHeld):
        acquire(workspace, "svc", "b", wait_seconds=3600, stopped=lambda: True)


def test_never_two_holders_among_many_threads(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", (0.001, 0.01))
    inside, seen, tokens = [0], [], []

    def work(owner: str) -> None:
        for _ in range(5):
            with hold(workspace, "svc", owner, seconds=60, wait_seconds=300) as lease:
                inside[0] += 1
                seen.append(inside[0])
                tokens.append(lease.token)
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=work, args=(f"owner-{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 60
    assert tokens == sorted(set(tokens))
