"""Windows of many drops: what is asked of the workspace, and what is kept of them; against a real local Azure ML."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.drops.drop_files import Drops, rows
from tests.local_server import LocalServer

from azureml_drops.preparing import TrainingRequest, prepare_training
from azureml_drops.validation_report import read_report
from azureml_drops.window import WindowDrop, select_window
from azureml_workspace.records import DatasetVersion

pytestmark = pytest.mark.integration

DAYS = [f"2026-11-0{number}" for number in range(1, 9)]


@pytest.fixture
def drops(local_server: LocalServer, tmp_path: Path, request: pytest.FixtureRequest) -> Drops:
    drops = Drops.of(local_server.workspace(), tmp_path, request.node.name.replace("_", "-")[5:200])
    for seed, key in enumerate(DAYS):
        drops.write(key, rows(seed))
    return drops


def newest(drops: Drops) -> WindowDrop:
    done = drops.register(DAYS[-1])
    assert done.version is not None
    return WindowDrop(key=done.key, version=done.version, fingerprint=done.fingerprint, rows=done.rows)


def test_a_plan_names_the_newest_drops_and_counts_all(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azureml_drops.plan.MOST_DROPS", 2)
    monkeypatch.setattr("azureml_drops.plan.MOST_LEFT_OUT", 1)
    for key in DAYS[1:3]:
        drops.write(key, ["bad"])
    request = TrainingRequest(label="y", holdout_share=0.3, window="all")
    plan = prepare_training(drops.registrar(), newest(drops), request).plan
    assert plan is not None
    assert (plan.first_key, plan.drops_count, [drop.key for drop in plan.drops]) == (DAYS[0], 6, DAYS[-2:])
    assert (plan.left_out_count, [drop.key for drop in plan.left_out]) == (2, [DAYS[2]])
    assert plan.training.rows + plan.holdout.rows == 6 * 60


def test_the_versions_are_listed_once_for_all_new_drops(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    this = newest(drops)
    listed: list[str] = []
    listing = drops.workspace.list_dataset_versions

    def counted(name: str) -> list[DatasetVersion]:
        listed.append(name)
        return listing(name)

    monkeypatch.setattr(drops.workspace, "list_dataset_versions", counted)
    window = select_window(drops.registrar(), this, None)
    assert [drop.key for drop in window.drops] == DAYS
    assert len(listed) == 1
    # The newest is looked at first; each has the one above as its baseline, for the list was kept up to date.
    report = read_report(drops.workspace, drops.settings.dataset, DAYS[0], window.drops[0].fingerprint)
    assert report is not None
    assert report.baseline is not None
    assert report.baseline.key == DAYS[1]
