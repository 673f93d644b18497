"""Queries for runs: the right ones, and no more of them read than can be."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from azureml_local.azure_api.surface import Surface
from azureml_local.store.runs import RunStore
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.records import AutoMLSettings, ChildRun, ComputeTarget
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

QUERY = "/history/experiments/exp/runs:query"


@pytest.fixture
def runs(whole_surface: Surface, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """The ids of three AutoML runs with two trials each, and of which of them the trials were read."""
    workspace = whole_surface.workspace
    with workspace.datasets.upload("people") as upload:
        upload.write(b"x,y\n" + b"".join(f"{n},{'yes' if n % 2 else 'no'}\n".encode() for n in range(60)))
        workspace.datasets.register(upload, TextFormat(), {})
    workspace.computes.ensure(ComputeTarget(name="cluster"))
    settings = AutoMLSettings(
        experiment_name="exp",
        dataset_name="people",
        dataset_version=1,
        label_column_name="y",
        compute_target="cluster",
    )
    read: list[str] = []

    def children(_: RunStore, run_id: str) -> list[ChildRun]:
        read.append(run_id)
        return [trial(run_id, number) for number in (0, 1)]

    monkeypatch.setattr(RunStore, "children", children)
    return [workspace.submit_automl(settings, key).run_id for key in "abc"], read


def trial(run_id: str, number: int) -> ChildRun:
    return ChildRun(
        run_id=f"{run_id}_{number}",
        parent_run_id=run_id,
        iteration=number,
        algorithm="LogisticRegression",
        status=RunStatus.COMPLETED,
        score=0.5,
        duration_seconds=1.0,
    )


def ask(client: TestClient, text: str) -> list[str]:
    answer = client.post(QUERY, json={"filter": text})
    assert answer.status_code == 200, answer.text
    return sorted(run["runId"] for run in answer.json()["value"])


def test_all(client: TestClient, runs: tuple[list[str], list[str]]) -> None:
    known, read = runs
    assert ask(client, "") == sorted(f"{run}{end}" for run in known for end in ("", "_0", "_1"))
    assert sorted(read) == sorted(known)


def test_of_one_run(client: TestClient, runs: tuple[list[str], list[str]]) -> None:
    (_, second, _), read = runs
    assert ask(client, f"(RootRunId eq {second} and RunId ne {second})") == [f"{second}_0", f"{second}_1"]
    assert ask(client, f"RunId eq {second}_1 or RunId eq none") == [f"{second}_1"]
    assert set(read) == {second}


def test_without_trials(client: TestClient, runs: tuple[list[str], list[str]]) -> None:
    known, read = runs
    assert ask(client, "(ParentRunId eq null)") == sorted(known)
    assert read == []
