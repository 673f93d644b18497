"""Drops become dataset versions, once each, whatever is repeated, raced or cut off; against a real local Azure ML."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.drops.drop_files import Drops, KilledError, Recording, rows
from tests.local_server import LocalServer

from azureml_drops.ledger import DropStatus, read_drop
from azureml_drops.registered import RegisteredDrop
from azureml_drops.registration import note_missing
from azureml_drops.validation_report import ValidationReport, read_report, store_report
from azureml_drops.validation_settings import ValidationSettings
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.integration

REGISTERED, DUPLICATE, QUARANTINED = DropStatus.REGISTERED, DropStatus.DUPLICATE, DropStatus.QUARANTINED


@pytest.fixture
def drops(local_server: LocalServer, tmp_path: Path, request: pytest.FixtureRequest) -> Drops:
    name = request.node.name.split("[")[0].replace("_", "-")[5:200]
    return Drops.of(local_server.workspace(), tmp_path, name)


def test_a_drop_is_a_dataset_version_with_its_lineage(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1))
    done = drops.register("2026-11-01")
    assert (done.status, done.version, done.rows, done.replaces) == (REGISTERED, 1, 60, None)
    version = drops.workspace.get_dataset(drops.settings.dataset, 1)
    assert version.fingerprint == done.fingerprint
    assert version.tags == {"drop_key": "2026-11-01", "drop_source": f"{drops.folder}/2026-11-01.csv"}
    event = drops.record("2026-11-01").latest
    assert (event.status, event.dataset_version, event.by) == (REGISTERED, 1, "dag/run")
    report = read_report(drops.workspace, drops.settings.dataset, "2026-11-01", done.fingerprint)
    assert report is not None
    assert report.accepted
    assert report.baseline is None
    assert event.document == done.report == report.path
    assert drops.record("2026-11-01").is_settled(drops.found("2026-11-01").content_state) is False


def test_the_baseline_is_the_accepted_drop_before_or_else_the_next(drops: Drops) -> None:
    for day in (3, 5, 1):
        drops.write(f"2026-11-0{day}", rows(day))
        drops.register(f"2026-11-0{day}")
    drops.write("2026-11-04", rows(4))
    done = drops.register("2026-11-04")
    keys = []
    for key, fingerprint in (("2026-11-01", ""), ("2026-11-04", done.fingerprint)):
        found = fingerprint or drops.record(key).latest.fingerprint
        report = read_report(drops.workspace, drops.settings.dataset, key, found)
        assert report is not None
        keys.append(report.baseline and report.baseline.key)
    assert keys == ["2026-11-03", "2026-11-03"]


def test_the_same_again_writes_nothing(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1))
    first = drops.register("2026-11-01")
    recording = Recording(drops.workspace)
    again = replace(drops, workspace=recording).register("2026-11-01", by="dag/another")
    assert again == first
    assert recording.writes == []


def test_changed_content_is_a_new_version_that_says_what_it_replaces(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1))
    drops.register("2026-11-01")
    drops.write("2026-11-01", rows(2))
    done = drops.register("2026-11-01")
    assert (done.status, done.version, done.replaces) == (REGISTERED, 2, 1)
    assert drops.workspace.get_dataset(drops.settings.dataset, 2).tags["drop_replaces"] == "1"
    drops.write("2026-11-01", rows(1))
    back = drops.register("2026-11-01")
    assert (back.status, back.version, back.replaces) == (REGISTERED, 1, 2)
    assert len(drops.versions()) == 2


def test_the_content_of_another_drop_makes_no_second_version(drops: Drops) -> None:
    for key in ("2026-11-02", "2026-11-01"):
        drops.write(key, rows(1))
    drops.register("2026-11-02")
    done = drops.register("2026-11-01")
    assert (done.status, done.version, done.duplicate_of) == (DUPLICATE, 1, "2026-11-02")
    assert drops.register("2026-11-01", by="dag/2") == done
    assert drops.statuses("2026-11-01") == [DUPLICATE]
    assert drops.versions() == [(1, "2026-11-02")]


def test_a_content_that_its_drop_gave_up_is_the_next_ones(drops: Drops) -> None:
    for key in ("2026-11-01", "2026-11-02"):
        drops.write(key, rows(1))
        drops.register(key)
    drops.write("2026-11-01", rows(3))
    drops.register("2026-11-01")
    done = drops.register("2026-11-02")
    assert (done.status, done.version) == (REGISTERED, 1)
    assert drops.statuses("2026-11-02") == [DUPLICATE, REGISTERED]
    assert drops.versions() == [(1, "2026-11-02"), (2, "2026-11-01")]


def test_a_bad_drop_is_quarantined_and_registers_nothing(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1))
    drops.register("2026-11-01")
    drops.write("2026-11-02", rows(2, shift=40))
    done = drops.register("2026-11-02")
    assert done.status is QUARANTINED
    assert "Column 'a' is outside" in done.reason
    assert drops.versions() == [(1, "2026-11-01")]
    assert drops.record("2026-11-02").is_settled(drops.found("2026-11-02").content_state)
    event = drops.record("2026-11-02").latest
    assert event.document == done.report
    report = read_report(drops.workspace, drops.settings.dataset, "2026-11-02", done.fingerprint)
    assert report is not None
    assert {check.name for check in report.failures} == {"range", "psi", "ks"}
    recording = Recording(drops.workspace)
    assert replace(drops, workspace=recording).register("2026-11-02", by="dag/2").status is QUARANTINED
    assert recording.writes == []


def test_a_drop_that_is_no_text_is_quarantined(drops: Drops) -> None:
    drops.write("2026-11-01", ["1,2,3,4,5"])
    done = drops.register("2026-11-01")
    assert done.status is QUARANTINED
    assert "line 2: found 5 fields where the header has 3" in done.reason


def test_a_quarantined_drop_is_released_by_good_content_by_settings_or_by_hand(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1))
    drops.register("2026-11-01")
    for day in (2, 3, 4):
        drops.write(f"2026-11-0{day}", rows(day, shift=40))
        assert drops.register(f"2026-11-0{day}").status is QUARANTINED
    drops.write("2026-11-02", rows(2))
    assert drops.register("2026-11-02").status is REGISTERED
    lenient = drops.with_settings(validation=ValidationSettings(ignore_columns=("a",)))
    assert lenient.register("2026-11-03").status is REGISTERED
    done = drops.register("2026-11-04", accept_refused=True)
    assert done.status is REGISTERED or "Accepted by hand" in done.reason
    assert drops.statuses("2026-11-04") == [QUARANTINED, REGISTERED]
    assert drops.register("2026-11-04").status is REGISTERED


def test_another_reason_is_another_event(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1, 30))
    for least in (40, 40, 50):
        strict = drops.with_settings(validation=ValidationSettings(min_rows=least))
        assert strict.register("2026-11-01").status is QUARANTINED
    told = [event.reason for event in drops.record("2026-11-01").events]
    assert told == [f"There are 30 rows; at least {least} are needed." for least in (40, 50)]


def test_a_missing_drop_is_noted_once(drops: Drops) -> None:
    for by in ("dag/1", "dag/2"):
        assert note_missing(drops.workspace, drops.settings, "2026-11-01", by) is None
    assert drops.statuses("2026-11-01") == [DropStatus.MISSING]
    assert "2026-11-01.csv" in drops.record("2026-11-01").latest.reason


def test_a_registered_drop_whose_file_was_put_away_is_there(drops: Drops) -> None:
    drops.write("2026-11-01", rows(1))
    done = drops.register("2026-11-01")
    assert note_missing(drops.workspace, drops.settings, "2026-11-01", "dag/2") == done


def at_once(drops: Drops, server: LocalServer, keys: list[str]) -> list[RegisteredDrop]:
    """Registrations that begin together, each with connections of its own."""
    each = [(replace(drops, workspace=server.workspace()), key, f"dag/{n}") for n, key in enumerate(keys)]
    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(lambda task: task[0].register(task[1], by=task[2]), each))


def test_two_drops_of_one_content_at_once_are_one_version(drops: Drops, local_server: LocalServer) -> None:
    for attempt in range(6):
        # Every other time the drops held something else before.
        keys = [f"2026-1{attempt // 2}-0{n}" for n in range(1, 5)]
        for key in keys:
            drops.write(key, rows(attempt))
        done = at_once(drops, local_server, keys)
        owners = [drop.key for drop in done if drop.status is REGISTERED]
        assert len(owners) == 1
        others = [drop for drop in done if drop.key != owners[0]]
        assert [(drop.status, drop.duplicate_of) for drop in others] == [(DUPLICATE, owners[0])] * 3
        assert drops.versions()[-1] == (attempt + 1, owners[0])
        assert {len(drops.record(key).events) for key in keys} == {attempt % 2 + 1}


def test_two_runs_of_one_drop_at_once_are_one_registration(drops: Drops, local_server: LocalServer) -> None:
    drops.write("2026-11-01", rows(1))
    done = at_once(drops, local_server, ["2026-11-01"] * 4)
    assert {(drop.status, drop.version) for drop in done} == {(REGISTERED, 1)}
    assert drops.statuses("2026-11-01") == [REGISTERED]


def test_what_another_run_accepts_meanwhile_is_not_quarantined(
    drops: Drops, monkeypatch: pytest.MonkeyPatch, local_server: LocalServer
) -> None:
    drops.write("2026-11-01", rows(1))
    drops.register("2026-11-01")
    drops.write("2026-11-02", rows(2, shift=40))
    other = replace(drops, workspace=local_server.workspace())

    def store(workspace: Workspace, report: ValidationReport) -> None:
        """Another run, which is here when this one has refused the drop, and compared it with nothing."""
        monkeypatch.undo()
        store_report(workspace, report)
        assert other.register("2026-11-02", by="dag/2", accept_refused=True).status is REGISTERED

    monkeypatch.setattr("azureml_drops.registration.store_report", store)
    done = drops.register("2026-11-02", by="dag/1")
    assert (done.status, done.version) == (REGISTERED, 2)
    assert drops.statuses("2026-11-02") == [REGISTERED]


def test_a_drop_whose_version_somebody_removed_is_registered_again(
    drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops.write("2026-11-01", rows(1))
    drops.register("2026-11-01")
    monkeypatch.setattr(drops.workspace, "list_dataset_versions", lambda _: [])
    recording = Recording(drops.workspace)
    done = replace(drops, workspace=recording).register("2026-11-01")
    assert (done.status, done.version) == (REGISTERED, 1)
    assert "register_dataset" in recording.writes


@pytest.mark.parametrize("cut", range(1, 11))
def test_killed_anywhere_it_is_finished_by_the_next(drops: Drops, cut: int) -> None:
    drops = drops.with_settings(dataset=f"{drops.settings.dataset[:40]}-{cut}")
    drops.write("2026-11-01", rows(1))
    recording = Recording(drops.workspace, fail_at=cut)
    with pytest.raises(KilledError):
        replace(drops, workspace=recording).register("2026-11-01")
    done = drops.register("2026-11-01", by="dag/2")
    assert (done.status, done.version) == (REGISTERED, 1)
    assert drops.versions() == [(1, "2026-11-01")]
    assert drops.statuses("2026-11-01") == [REGISTERED]
    assert read_drop(drops.workspace, drops.settings.dataset, "2026-11-02") is None
