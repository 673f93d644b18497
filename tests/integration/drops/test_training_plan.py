"""What is trained on: windows of drops, split for ever, claimed by one DAG run; against a real local Azure ML."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.drops.drop_files import Drops, KilledError, Recording, rows
from tests.local_server import LocalServer

from azureml_drops.ledger import DropEvent, DropStatus, note, now
from azureml_drops.plan import PlannedDataset
from azureml_drops.preparing import Prepared, TrainingRequest, prepare_training
from azureml_drops.training_claim import ClaimState, IsRunning, finish_training, read_claim
from azureml_drops.window import WindowDrop
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.protocol import Workspace

pytestmark = pytest.mark.integration

BUSY, DONE, MINE = ClaimState.BUSY, ClaimState.DONE, ClaimState.MINE
REQUEST = TrainingRequest(label="y", holdout_share=0.3)


@pytest.fixture
def drops(local_server: LocalServer, tmp_path: Path, request: pytest.FixtureRequest) -> Drops:
    return Drops.of(local_server.workspace(), tmp_path, request.node.name.split("[")[0].replace("_", "-")[5:200])


def day(number: int) -> str:
    return f"2026-11-{number:02d}"


def write(drops: Drops, *numbers: int) -> None:
    for number in numbers:
        drops.write(day(number), rows(number))


def prepare(
    drops: Drops, number: int, by: str = "dag/run", is_running: IsRunning = lambda _: None, **changes: Any
) -> Prepared:
    done = drops.register(day(number), by)
    assert done.version is not None
    this = WindowDrop(key=done.key, version=done.version, fingerprint=done.fingerprint, rows=done.rows)
    return prepare_training(drops.registrar(by), this, replace(REQUEST, **changes), is_running)


def keys(prepared: Prepared) -> list[str]:
    assert prepared.plan is not None
    return [drop.key for drop in prepared.plan.drops]


def rows_of(workspace: Workspace, planned: PlannedDataset, folder: Path) -> list[tuple[str, ...]]:
    place = folder / f"{planned.name}-{planned.version}"
    place.mkdir(exist_ok=True)
    file = workspace.download_dataset(planned.name, planned.version, place)
    with Path(file.path).open(newline="") as source:
        return [tuple(row) for row in csv.reader(source)][1:]


def sides(drops: Drops, prepared: Prepared) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    plan = prepared.plan
    assert plan is not None
    return (
        rows_of(drops.workspace, plan.training, drops.folder),
        rows_of(drops.workspace, plan.holdout, drops.folder),
    )


def test_both_sides_hold_every_row_once_in_its_order(drops: Drops) -> None:
    write(drops, 1, 2)
    prepare(drops, 1)
    prepared = prepare(drops, 2, window="all")
    training, holdout = sides(drops, prepared)
    source = [tuple(line.split(",")) for number in (1, 2) for line in rows(number)]
    assert training == [row for row in source if row in set(training)]
    assert holdout == [row for row in source if row in set(holdout)]
    assert len(training) + len(holdout) == 120
    assert prepared.plan is not None
    assert (prepared.plan.training.rows, prepared.plan.holdout.rows) == (len(training), len(holdout))
    version = drops.workspace.get_dataset(prepared.plan.training.name, prepared.plan.training.version)
    assert version.name == f"{drops.settings.dataset}-training"
    assert version.tags == {
        "drop_dataset": drops.settings.dataset,
        "drop_key": day(2),
        "drop_first_key": day(1),
        "drop_count": "2",
        "holdout_split": prepared.plan.holdout_split,
    }


def test_no_model_has_seen_a_holdout_row_of_any_other(drops: Drops) -> None:
    """30 drops that share rows with their neighbours, and a window of another width for each."""
    lines = rows(1, 30 * 20 + 60)
    trained: set[tuple[str, ...]] = set()
    held_out: set[tuple[str, ...]] = set()
    lenient = drops.with_settings(validation=replace(drops.settings.validation, max_psi=None, max_ks=None))
    for number in range(1, 31):
        lenient.write(day(number), lines[number * 20 : number * 20 + 60])
        training, holdout = sides(lenient, prepare(lenient, number, window=("1", "3", "all")[number % 3]))
        trained |= set(training)
        held_out |= set(holdout)
    assert trained
    assert held_out
    assert not trained & held_out


@pytest.mark.parametrize(
    ("window", "expected"), [("1", [5]), ("2", [3, 5]), ("3", [2, 3, 5]), ("all", [1, 2, 3, 5]), ("99", [1, 2, 3, 5])]
)
def test_a_window_counts_the_last_accepted_drops(drops: Drops, window: str, expected: list[int]) -> None:
    drops = drops.with_settings(dataset=f"{drops.settings.dataset}-{window}")
    write(drops, 1, 2, 3, 5, 6)
    for number in (1, 2):
        drops.register(day(number))
    drops.write(day(4), rows(4, shift=40))
    prepared = prepare(drops, 5, window=window)
    assert keys(prepared) == [day(number) for number in expected]
    assert prepared.plan is not None
    bad = [drop for drop in prepared.plan.left_out if drop.key == day(4)]
    assert bool(bad) == (window != "1")
    assert all(drop.reason.startswith("Quarantined: Column 'a' is outside") for drop in bad)
    # What nobody had looked at before is registered on the way, so the order of the drops makes no difference.
    assert (day(3) in [key for _, key in drops.versions()]) == (window != "1")


def test_the_order_of_a_backfill_makes_no_difference(drops: Drops) -> None:
    trained: list[list[str]] = []
    for name, order in (("forwards", (1, 2, 3, 4)), ("backwards", (4, 3, 2, 1))):
        mine = drops.with_settings(dataset=f"{drops.settings.dataset}-{name}")
        write(mine, 1, 2, 4)
        mine.write(day(3), rows(1))
        done = {}
        for number in order:
            if mine.register(day(number)).status is DropStatus.REGISTERED:
                prepared = prepare(mine, number, window="2")
                assert prepared.plan is not None
                done[number] = prepared.plan.training_key
        trained.append([done.get(2, ""), done.get(4, "")])
    assert trained[0] == trained[1]


def test_of_two_drops_of_one_content_a_window_holds_one(drops: Drops) -> None:
    write(drops, 1, 3)
    drops.write(day(2), rows(1))
    drops.register(day(2))
    prepared = prepare(drops, 3, window="all")
    assert keys(prepared) == [day(2), day(3)]
    assert prepared.plan is not None
    assert prepared.plan.left_out[0].reason == f"It holds the content of drop {day(2)}."


def test_the_same_training_is_one_and_another_trying_is_told(drops: Drops) -> None:
    write(drops, 1)
    first = prepare(drops, 1)
    again = prepare(drops, 1)
    assert (first.state, again.state) == (MINE, MINE)
    assert again.plan == first.plan
    other = prepare(drops, 1, by="dag/other", is_running=lambda by: by == "dag/run")
    assert (other.state, other.claim.by, other.plan) == (BUSY, "dag/run", None)
    assert prepare(drops, 1, by="dag/other").state is BUSY  # nobody knows: until the claim expires
    assert prepare(drops, 1, by="dag/other", settings={"seed": 2}).state is MINE


def test_what_a_dead_run_left_is_taken_over_with_its_plan(drops: Drops) -> None:
    write(drops, 1)
    first = prepare(drops, 1)
    other = prepare(drops, 1, by="dag/other", is_running=lambda _: False)
    assert (other.state, other.claim.by, other.plan) == (MINE, "dag/other", first.plan)
    assert prepare(drops, 1, is_running=lambda by: by == "dag/other").state is BUSY


def test_a_claim_expires_for_who_cannot_know(drops: Drops) -> None:
    write(drops, 1)
    prepare(drops, 1, claim_hours=timedelta(milliseconds=1) / timedelta(hours=1))
    assert prepare(drops, 1, by="dag/other").state is MINE


def test_what_was_trained_and_decided_is_done_for_everybody(drops: Drops) -> None:
    write(drops, 1)
    first = prepare(drops, 1)
    dataset, key = drops.settings.dataset, first.claim.training_key
    for _ in range(2):
        claim = finish_training(drops.workspace, dataset, key, model_name="m", model_version=3, by="dag/run")
    assert (claim.model_name, claim.model_version) == ("m", 3)
    assert drops.statuses(day(1)) == [DropStatus.REGISTERED, DropStatus.TRAINED]
    trained = drops.record(day(1)).latest
    assert (trained.model_name, trained.model_version, trained.document) == ("m", 3, claim.path)
    # The gate has not decided yet, so another run goes on, with the model that there is.
    taken_up = prepare(drops, 1, by="dag/other", is_running=lambda _: False)
    assert (taken_up.state, taken_up.claim.model_version, taken_up.plan) == (MINE, 3, first.plan)
    event = DropEvent(status=DropStatus.REJECTED, at=now(), model_name="m", model_version=3)
    note(drops.workspace, dataset, day(1), event)
    for by in ("dag/run", "dag/third"):
        assert prepare(drops, 1, by=by).state is DONE
    assert read_claim(drops.workspace, dataset, key) == taken_up.claim
    with pytest.raises(NotFound, match="there is no training nothing"):
        finish_training(drops.workspace, dataset, "nothing", model_name="m", model_version=3, by="")


def test_of_two_runs_at_once_one_trains(drops: Drops, local_server: LocalServer) -> None:
    for number in range(1, 5):
        write(drops, number)
        drops.register(day(number))
        each = [(replace(drops, workspace=local_server.workspace()), f"dag/{run}") for run in range(4)]
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda run: prepare(run[0], number, run[1], lambda _: True), each))  # noqa: B023
        assert sorted(prepared.state for prepared in done) == [BUSY, BUSY, BUSY, MINE]


@pytest.mark.parametrize("cut", range(1, 9))
def test_killed_anywhere_it_is_finished_by_the_next(drops: Drops, cut: int) -> None:
    drops = drops.with_settings(dataset=f"{drops.settings.dataset}-{cut}")
    write(drops, 1, 2)
    for number in (1, 2):
        drops.register(day(number))
    with pytest.raises(KilledError):
        prepare(replace(drops, workspace=Recording(drops.workspace, fail_at=cut)), 2, window="all")
    done = prepare(drops, 2, by=("dag/run", "dag/next")[cut % 2], is_running=lambda _: False, window="all")
    assert done.state is MINE
    assert done.plan is not None
    for side in ("training", "holdout"):
        assert len(drops.workspace.list_dataset_versions(f"{drops.settings.dataset}-{side}")) == 1
    assert len(drops.workspace.list_documents(f"trainings/{drops.settings.dataset}")) == 1
    claim = read_claim(drops.workspace, drops.settings.dataset, done.claim.training_key)
    assert claim is not None
    assert claim.plan == done.plan


def test_a_finished_training_whose_note_was_lost_is_noted_by_the_next_call(drops: Drops) -> None:
    write(drops, 1)
    key = prepare(drops, 1).claim.training_key
    model = {"model_name": "m", "model_version": 3, "by": "dag/run"}
    with pytest.raises(KilledError):
        finish_training(Recording(drops.workspace, fail_at=3), drops.settings.dataset, key, **model)  # type: ignore[arg-type]
    assert DropStatus.TRAINED not in drops.statuses(day(1))
    finish_training(drops.workspace, drops.settings.dataset, key, **model)  # type: ignore[arg-type]
    assert drops.statuses(day(1)) == [DropStatus.REGISTERED, DropStatus.TRAINED]


def test_a_side_of_one_class_is_refused_and_nothing_is_claimed(drops: Drops) -> None:
    lenient = drops.with_settings(validation=replace(drops.settings.validation, min_classes=None))
    lenient.write(day(1), [line.replace("yes", "no") for line in rows(1)])
    with pytest.raises(InvalidRequest) as caught:
        prepare(lenient, 1)
    assert "all with the label 'no'" in str(caught.value)
    assert "Give a wider window, another holdout_share, or larger drops." in str(caught.value)
    assert lenient.workspace.list_documents(f"trainings/{lenient.settings.dataset}") == []


def test_groups_stay_together_and_rows_without_label_are_left_out(drops: Drops) -> None:
    lines = [f"{line.split(',')[0]},group {place // 3},{line.split(',')[2]}" for place, line in enumerate(rows(1, 120))]
    lenient = drops.with_settings(validation=replace(drops.settings.validation, max_null_share=None))
    lenient.write(day(1), [*lines, "1,group 0,", "2,group 1,"])
    prepared = prepare(lenient, 1, group_columns=("b",))
    training, holdout = sides(lenient, prepared)
    assert not {row[1] for row in training} & {row[1] for row in holdout}
    assert len(training) + len(holdout) == 120
    assert prepared.plan is not None
    assert prepared.plan.notes == ("2 rows without a label are left out.",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": "0"}, "window is '0'; give 1 for this drop alone, N for the last N drops, or all."),
        ({"window": "some"}, "window is 'some'"),
        ({"holdout_share": 0.9}, "holdout_share is 0.9"),
        ({"group_columns": ("client",)}, "group_columns names 'client'; the drop has no such column. It has 'a', 'b'"),
        ({"group_columns": ("y",)}, "rows of a class are no group"),
        ({"label": "z"}, "label names 'z'"),
        ({"label": ""}, "label is empty"),
        ({"claim_hours": 0}, "claim_hours is 0"),
    ],
)
def test_a_bad_request_is_named(drops: Drops, changes: dict[str, Any], words: str) -> None:
    write(drops, 1)
    with pytest.raises(InvalidRequest) as caught:
        prepare(drops, 1, **changes)
    assert words in str(caught.value)
