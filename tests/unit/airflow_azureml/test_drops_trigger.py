"""The watcher with a real folder, a workspace in memory, and a clock of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.module_loading import import_string
from tests.unit.airflow_azureml.conftest import TOKEN
from tests.unit.drops.ledger_workspace import LedgerWorkspace

from airflow_azureml.triggers import _workspaces
from airflow_azureml.triggers import drops as module
from airflow_azureml.triggers.drops import AzureMLDropsTrigger
from azureml_drops.finding import find_drop
from azureml_drops.ledger import DropStatus
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import LocalStorage
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable, Unauthorized

pytestmark = pytest.mark.unit


class Stop(Exception):
    """Enough looks."""


class Watch:
    """Runs the trigger; each pause ends at once, and `between` is what happens in it."""

    def __init__(self, folder: Path, workspace: LedgerWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.workspace = folder, workspace
        self.now = 1_000.0
        self.pauses: list[float] = []
        self.opened: list[Any] = []
        fake = SimpleNamespace(sleep=self._sleep, get_running_loop=asyncio.get_running_loop)
        monkeypatch.setattr(module, "asyncio", fake)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(_workspaces, "open_workspace", self._open)
        monkeypatch.setattr(_workspaces, "_shared", WeakValueDictionary())
        self._script: Iterator[Callable[[], object]] = iter(())

    def trigger(self, **given: Any) -> AzureMLDropsTrigger:
        arguments = {"poll_seconds": 30, "settle_seconds": 0, "repeat_seconds": 100} | given
        return AzureMLDropsTrigger(pattern=f"{self.folder}/{{key}}.csv", dataset="calls", **arguments)

    def events(self, *between: Callable[[], object], trigger: AzureMLDropsTrigger | None = None) -> list[list[str]]:
        """The keys of each event; there is one look more than there are pauses in `between`."""
        self._script = iter(between)
        told: list[list[str]] = []

        async def watch() -> None:
            async for event in (trigger or self.trigger()).run():
                payload = event.payload
                assert json.loads(json.dumps(payload)) == payload
                assert (payload["dataset"], payload["count"]) == ("calls", len(payload["pending"]))
                told.append(payload["pending"])

        with pytest.raises(Stop):
            asyncio.run(watch())
        return told

    def write(self, *keys: str, text: str = "a\n1\n") -> None:
        for key in keys:
            (self.folder / f"{key}.csv").write_text(text)

    def tell(self, key: str, *statuses: DropStatus) -> None:
        found = find_drop(DropPattern.parse(f"{self.folder}/{{key}}.csv"), LocalStorage(), key)
        assert found is not None
        self.workspace.tell(found, *statuses)

    def _open(self, *_args: Any, **_options: Any) -> LedgerWorkspace:
        self.opened.append(1)
        return self.workspace

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        act = next(self._script, None)
        if act is None:
            raise Stop
        act()


def nothing() -> None:
    pass


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    connection = {"conn_type": "azureml", "host": "http://w", "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", json.dumps(connection))
    return Watch(tmp_path, LedgerWorkspace(), monkeypatch)


def test_one_event_tells_of_all_that_came_at_once(watch: Watch) -> None:
    assert watch.events(nothing, lambda: watch.write("a", "b", "c"), nothing) == [["a", "b", "c"]]
    assert watch.pauses == [30] * 4


def test_a_further_drop_is_told_of_at_once_with_those_that_wait(watch: Watch) -> None:
    watch.write("a")
    assert watch.events(lambda: watch.write("b"), nothing) == [["a"], ["a", "b"]]


def test_while_something_is_pending_the_event_is_repeated_more_and_more_seldom(watch: Watch) -> None:
    watch.write("a")
    assert len(watch.events(*[nothing] * 400)) == 8  # pauses of 100, 200, ... 3200, 3600 s in 12,000 s
    watch.write("b")
    assert watch.events(nothing, nothing, nothing, nothing, nothing) == [["a", "b"]] * 2


def test_a_drop_that_came_to_its_end_is_not_told_of(watch: Watch) -> None:
    watch.write("a", "b")
    watch.tell("a", DropStatus.REGISTERED, DropStatus.PROMOTED)
    assert watch.events(lambda: watch.tell("b", DropStatus.QUARANTINED), *[nothing] * 9) == [["b"]]


def test_changed_content_is_told_of_again(watch: Watch) -> None:
    watch.write("a")
    watch.tell("a", DropStatus.PROMOTED)
    assert watch.events(nothing, lambda: watch.write("a", text="a\n1\n2\n"), nothing) == [["a"]]


def test_a_half_written_file_is_waited_for(watch: Watch) -> None:
    watch.write("a")
    trigger = watch.trigger(settle_seconds=10)

    def settle() -> None:
        age = (watch.folder / "a.csv").stat().st_mtime - 11
        os.utime(watch.folder / "a.csv", (age, age))

    assert watch.events(nothing, settle, nothing, trigger=trigger) == [["a"]]


def test_a_triggerer_that_starts_anew_tells_at_once_of_what_is_pending(watch: Watch) -> None:
    watch.write("a")
    assert watch.events(nothing) == [["a"]]
    path, arguments = watch.trigger().serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert watch.events(nothing, trigger=again) == [["a"]]


def test_an_outage_of_the_workspace_is_borne_and_said_once(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    watch.write("a")
    watch.workspace.trouble = ServiceUnavailable("no answer")

    def back() -> None:
        watch.workspace.trouble = None

    assert watch.events(nothing, nothing, back) == [["a"]]
    said = capsys.readouterr().out
    assert said.count("not seen just now: ServiceUnavailable: no answer") == 1
    assert said.count("are seen again") == 1


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("x"), NotFound("x"), Unauthorized("x"), AirflowNotFoundException("x"), OSError("x")]
)
def test_trouble_with_the_storage_is_borne(watch: Watch, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    watch.write("a")
    with monkeypatch.context() as broken:
        broken.setattr(module, "find_drops", fail)
        assert watch.events(nothing, nothing, broken.undo) == [["a"]]


def test_refused_credentials_are_asked_for_again(watch: Watch) -> None:
    watch.write("a")
    watch.workspace.trouble = Unauthorized("expired")

    def renewed() -> None:
        watch.workspace.trouble = None

    assert watch.events(nothing, renewed) == [["a"]]
    assert len(watch.opened) == 3


def test_many_records_are_read_in_portions_and_only_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READS_PER_LOOK", 10)
    keys = [f"k{number:02}" for number in range(25)]
    watch.write(*keys)
    for key in keys:
        watch.tell(key, DropStatus.REJECTED)
    watch.workspace.reads.clear()
    assert watch.events(*[nothing] * 4) == []
    assert watch.pauses == [1, 1, 30, 30, 30]
    assert sorted(watch.workspace.reads) == [f"drops/calls/{key}" for key in keys]


def test_an_event_stays_small(watch: Watch) -> None:
    watch.write(*[f"k{number:03}" for number in range(150)])
    trigger = watch.trigger()

    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError

    payload = asyncio.run(first())
    assert (payload["count"], len(payload["pending"])) == (150, 100)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pattern": "/data/drops.csv"}, "no placeholder"),
        ({"dataset": "no name!"}, "no name!"),
        ({"poll_seconds": 0}, "poll_seconds is 0"),
        ({"settle_seconds": -1}, "settle_seconds is -1"),
        ({"repeat_seconds": 0}, "repeat_seconds is 0"),
    ],
)
def test_what_cannot_work_is_refused_where_the_dag_is_parsed(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        AzureMLDropsTrigger(**{"pattern": "/data/{date}.csv", "dataset": "calls", **arguments})
