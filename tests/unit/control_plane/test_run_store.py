from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from azureml_local.jobs.files import JobNews, TrialEvent
from azureml_local.store.computes import ComputeStore
from azureml_local.store.runs import RunStore
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import AutoMLSettings, ComputeTarget, Run
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


def submit(runs: RunStore, settings: AutoMLSettings, key: str = "key") -> Run:
    return runs.submit(settings, key, "content")[0]


def test_a_new_run_waits_with_what_it_was_asked_for(runs: RunStore, settings: AutoMLSettings) -> None:
    run = submit(runs, settings)
    assert run.run_id.startswith("AutoML_")
    assert (run.status, run.run_type, run.experiment_name) == (RunStatus.NOT_STARTED, "automl", "exp")
    assert run.portal_url == f"http://127.0.0.1:1/v1/runs/{run.run_id}"
    assert run.properties["dataset"] == "people:1"
    assert runs.get(run.run_id) == run
    assert [active.settings for active in runs.active()] == [settings]


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.COMPLETED])
def test_a_key_finds_its_run(runs: RunStore, settings: AutoMLSettings, status: RunStatus) -> None:
    run = submit(runs, settings)
    runs.finish(run.run_id, status, "") if status.is_terminal else runs.advance(run.run_id, status)
    again, created = runs.submit(replace(settings, seed=7), "key", "content")
    assert (again.run_id, created) == (run.run_id, False)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELED])
def test_a_key_of_a_lost_run_submits_anew(runs: RunStore, settings: AutoMLSettings, status: RunStatus) -> None:
    first = submit(runs, settings)
    runs.finish(first.run_id, status, "lost")
    second = submit(runs, settings)
    assert second.run_id != first.run_id
    assert submit(runs, settings).run_id == second.run_id


def test_a_key_of_a_run_that_is_being_cancelled_submits_anew(runs: RunStore, settings: AutoMLSettings) -> None:
    first = submit(runs, settings)
    runs.advance(first.run_id, RunStatus.RUNNING)
    assert runs.request_cancel(first.run_id).status is RunStatus.CANCEL_REQUESTED
    assert submit(runs, settings).run_id != first.run_id


def test_one_key_from_many_threads_is_one_run(runs: RunStore, settings: AutoMLSettings) -> None:
    together = threading.Barrier(8)
    ids: list[str] = []

    def work() -> None:
        together.wait()
        ids.append(submit(runs, settings).run_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert len(runs.list_all()) == 1


def test_an_empty_key_and_an_unknown_target_are_refused(runs: RunStore, settings: AutoMLSettings) -> None:
    with pytest.raises(InvalidRequest, match="submission_key"):
        submit(runs, settings, " ")
    with pytest.raises(NotFound, match="'gpu'"):
        submit(runs, replace(settings, compute_target="gpu"))


def test_cancelling_what_waits_ends_it_and_what_ended_stays(runs: RunStore, settings: AutoMLSettings) -> None:
    waiting = submit(runs, settings)
    cancelled = runs.request_cancel(waiting.run_id)
    assert cancelled.status is RunStatus.CANCELED
    assert cancelled.ended_at is not None
    assert "before it started" in cancelled.error
    done = submit(runs, settings)
    runs.finish(done.run_id, RunStatus.COMPLETED, "")
    assert runs.request_cancel(done.run_id).status is RunStatus.COMPLETED


def test_a_cancelled_run_does_not_advance(runs: RunStore, settings: AutoMLSettings) -> None:
    run = submit(runs, settings)
    runs.advance(run.run_id, RunStatus.RUNNING)
    runs.request_cancel(run.run_id)
    assert not runs.advance(run.run_id, RunStatus.FINALIZING)
    assert runs.get(run.run_id).status is RunStatus.CANCEL_REQUESTED


def test_children_and_progress_come_from_what_the_job_said(runs: RunStore, settings: AutoMLSettings) -> None:
    run = submit(runs, settings)
    assert runs.progress(run.run_id).elapsed_seconds == 0
    runs.advance(run.run_id, RunStatus.PREPARING)
    trials = (
        TrialEvent(iteration=0, algorithm="LightGBM", status=RunStatus.COMPLETED, score=0.9, metrics={"accuracy": 0.8}),
        TrialEvent(iteration=1, algorithm="RandomForest", status=RunStatus.FAILED, error="boom"),
    )
    runs.take_news(run.run_id, JobNews(events_read=10, phase="search", trials=trials))
    runs.take_news(run.run_id, JobNews(events_read=10, phase="search", trials=trials))  # the same again, after a crash
    children = runs.children(run.run_id)
    assert [(child.run_id, child.error) for child in children] == [(f"{run.run_id}_0", ""), (f"{run.run_id}_1", "boom")]
    progress = runs.progress(run.run_id)
    assert (progress.phase, progress.trials_done, progress.trials_failed) == ("search", 2, 1)
    assert (progress.best_score, progress.best_algorithm) == (0.9, "LightGBM")
    assert progress.time_limit_seconds == 60
    assert [active.events_read for active in runs.active()] == [10]


def test_a_run_ends_once(runs: RunStore, settings: AutoMLSettings) -> None:
    run = submit(runs, settings)
    runs.finish(run.run_id, RunStatus.FAILED, "first", {"why": "x"})
    again = runs.finish(run.run_id, RunStatus.COMPLETED, "")
    assert (again.status, again.error, again.properties["why"]) == (RunStatus.FAILED, "first", "x")
    assert runs.active() == []


def test_runs_of_an_experiment_newest_first(runs: RunStore, settings: AutoMLSettings) -> None:
    ids = [submit(runs, settings, key).run_id for key in ("a", "b")]
    submit(runs, replace(settings, experiment_name="other"), "c")
    assert [run.run_id for run in runs.list_all("exp")] == ids[::-1]
    assert len(runs.list_all()) == 3


def test_what_does_not_exist_is_not_found(runs: RunStore) -> None:
    for ask in (runs.get, runs.children, runs.progress, runs.request_cancel):
        with pytest.raises(NotFound, match="'nope'"):
            ask("nope")


def test_an_existing_compute_target_is_returned_as_it_is(computes: ComputeStore) -> None:
    made = computes.ensure(ComputeTarget(name="cluster", max_nodes=2))
    assert computes.ensure(ComputeTarget(name="cluster", max_nodes=9)) == made
    assert computes.list_all() == [made]


@pytest.mark.parametrize(
    "target",
    [
        ComputeTarget(name="9lives"),
        ComputeTarget(name="../x"),
        ComputeTarget(name="ok", max_nodes=0),
        ComputeTarget(name="ok", min_nodes=2, max_nodes=1),
    ],
)
def test_compute_targets_that_cannot_be(computes: ComputeStore, target: ComputeTarget) -> None:
    with pytest.raises(InvalidRequest, match="compute target"):
        computes.ensure(target)
