"""Which drops get a DAG run: those that are pending and have none."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.airflow_azureml.conftest import TaskContext
from tests.unit.drops.ledger_workspace import LedgerWorkspace

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.operators.scan_drops import AzureMLScanDropsOperator
from azureml_drops.finding import find_drop
from azureml_drops.ledger import DropStatus
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import LocalStorage
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit


class Runs:
    """The DAG runs that Airflow has."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.asked: list[int] = []

    def get_dr_count(self, *, dag_id: str, run_ids: list[str]) -> int:
        assert dag_id == "work"
        self.asked.append(len(run_ids))
        return len(self.names.intersection(run_ids))


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> LedgerWorkspace:
    workspace = LedgerWorkspace()
    monkeypatch.setattr(AzureMLHook, "workspace", workspace)
    return workspace


def write(folder: Path, *keys: str, text: str = "a\n1\n") -> None:
    for key in keys:
        (folder / f"{key}.csv").write_text(text)


def scan(folder: Path, runs: Runs, **given: Any) -> dict[str, Any]:
    arguments = {"drops": f"{folder}/{{key}}.csv", "name": "calls", "run_dag_id": "work", "settle_seconds": 0} | given
    context: Any = {"ti": SimpleNamespace(get_dr_count=runs.get_dr_count)}
    result = AzureMLScanDropsOperator(task_id="t", **arguments).execute(context)
    assert json.loads(json.dumps(result)) == result
    return result


def keys(result: dict[str, Any]) -> list[str]:
    return [drop["key"] for drop in result["pending"]]


def test_pending_drops_are_told_with_what_identifies_them(
    tmp_path: Path, runs: Runs, workspace: LedgerWorkspace
) -> None:
    write(tmp_path, "b", "a")
    result = scan(tmp_path, runs)
    assert keys(result) == ["a", "b"]
    first = result["pending"][0]
    assert (first["path"], first["bytes"]) == (f"{tmp_path}/a.csv", 4)
    assert first["run_id"] == f"drop__a__{first['content_state']}"
    assert (result["found"], result["pending_count"], result["started_before"], result["left"]) == (2, 2, 0, 0)
    assert scan(tmp_path, runs) == result


def test_drops_that_came_to_an_end_are_not_pending(tmp_path: Path, runs: Runs, workspace: LedgerWorkspace) -> None:
    write(tmp_path, "a", "b")
    found = find_drop(DropPattern.parse(f"{tmp_path}/{{key}}.csv"), LocalStorage(), "a")
    assert found is not None
    workspace.tell(found, DropStatus.REJECTED)
    assert keys(scan(tmp_path, runs)) == ["b"]
    write(tmp_path, "a", text="a\n1\n2\n")
    assert keys(scan(tmp_path, runs)) == ["a", "b"]


def test_a_drop_that_has_a_run_is_counted_and_not_told(tmp_path: Path, runs: Runs, workspace: LedgerWorkspace) -> None:
    write(tmp_path, "a", "b", "c")
    runs.names = {drop["run_id"] for drop in scan(tmp_path, runs)["pending"] if drop["key"] != "b"}
    result = scan(tmp_path, runs)
    assert (keys(result), result["pending_count"], result["started_before"]) == (["b"], 3, 2)
    write(tmp_path, "a", text="a\n1\n2\n")
    assert keys(scan(tmp_path, runs)) == ["a", "b"]


def test_no_more_than_asked_for_and_the_others_later(tmp_path: Path, runs: Runs, workspace: LedgerWorkspace) -> None:
    write(tmp_path, *"abcde")
    first = scan(tmp_path, runs, max_drops="2")
    assert (keys(first), first["left"]) == (["a", "b"], 3)
    runs.names = {drop["run_id"] for drop in first["pending"]}
    second = scan(tmp_path, runs, max_drops=2)
    assert (keys(second), second["left"], second["started_before"]) == (["c", "d"], 1, 2)


def test_airflow_is_asked_of_many_runs_at_once(tmp_path: Path, runs: Runs, workspace: LedgerWorkspace) -> None:
    write(tmp_path, *[f"k{number:03}" for number in range(250)])
    runs.names = {drop["run_id"] for drop in scan(tmp_path, runs)["pending"][:150]}
    runs.asked.clear()
    assert len(keys(scan(tmp_path, runs))) == 100
    assert runs.asked == [100, 100, *[1] * 100, 50]


def test_half_written_files_are_left_for_a_later_scan(tmp_path: Path, runs: Runs, workspace: LedgerWorkspace) -> None:
    write(tmp_path, "a")
    assert keys(scan(tmp_path, runs, settle_seconds="3600")) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"drops": "/data.csv"}, "no placeholder"),
        ({"name": "no name!"}, "no name!"),
        ({"run_dag_id": ""}, "run_dag_id is ''"),
        ({"max_drops": 0}, "max_drops is 0; give 1 to 500"),
        ({"max_drops": 501}, "max_drops is 501"),
        ({"settle_seconds": "soon"}, "settle_seconds is 'soon'"),
    ],
)
def test_a_bad_argument_is_named(
    tmp_path: Path, runs: Runs, context: TaskContext, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        scan(tmp_path, runs, **arguments)
