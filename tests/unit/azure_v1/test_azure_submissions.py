from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.submissions import (
    ATTEMPT_PROPERTY,
    HASH_PROPERTY,
    KEY_PROPERTY,
    MARKERS,
    Submissions,
    Submit,
    properties_of,
)
from azureml_workspace.errors import Conflict, InvalidRequest, ServiceUnavailable, WorkspaceError
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

EXPERIMENT = "bank"


class Died(Exception):
    """The submitting process is gone."""


class FakeHistory:
    """Runs by id, as run history keeps them. It refuses what Azure may refuse: properties that are written once more,
    and the status of a run that has ended."""

    def __init__(self) -> None:
        self.runs: dict[str, HistoryRun] = {}
        self.experiments: dict[str, str] = {}

    def find(self, run_id: str) -> HistoryRun | None:
        return self.runs.get(run_id)

    def with_property(self, experiment: str, name: str, value: str) -> list[HistoryRun]:
        return [
            run
            for run in self.runs.values()
            if self.experiments[run.run_id] == experiment and run.properties.get(name) == value
        ]

    def write(self, experiment: str, run_id: str, changes: Mapping[str, Any]) -> HistoryRun:
        before = self.runs.get(run_id) or a_run(run_id, status=RunStatus.NOT_STARTED)
        properties = changes.get("properties", {})
        if properties.keys() & before.properties.keys() or ("status" in changes and before.status.is_terminal):
            raise InvalidRequest("properties are immutable, and the run has ended")
        self.experiments[run_id] = experiment
        self.runs[run_id] = replace(
            before,
            status=RunStatus.parse(changes["status"]) if "status" in changes else before.status,
            properties={**before.properties, **properties},
            tags={**before.tags, **changes.get("tags", {})},
        )
        return self.runs[run_id]


class Azure:
    """What `submit` and `cancel` do to the history."""

    def __init__(self) -> None:
        self.history = FakeHistory()
        self.submissions = Submissions(self.history)  # type: ignore[arg-type]
        self.cancelled: list[str] = []
        self.cannot_cancel: WorkspaceError | None = None

    def create(
        self,
        run_id: str,
        properties: Mapping[str, str],
        *,
        status: RunStatus = RunStatus.RUNNING,
        age: float = 0,
        kind: str = "automl",
    ) -> str:
        """`age` in minutes."""
        created = datetime.now(UTC) + timedelta(seconds=len(self.history.runs)) - timedelta(minutes=age)
        self.history.runs[run_id] = replace(
            a_run(run_id, status=status), created=created, properties=dict(properties), kind=kind
        )
        self.history.experiments[run_id] = EXPERIMENT
        return run_id

    def turns(self, run_id: str, status: RunStatus) -> None:
        self.history.runs[run_id] = replace(self.history.runs[run_id], status=status)

    def submit_as(self, submit: Submit, key: str = "k") -> str:
        return self.submissions.submit(key, EXPERIMENT, submit, self.cancel)

    def submit(self, run_id: str, key: str = "k", **given: Any) -> str:
        return self.submit_as(lambda properties: self.create(run_id, properties, **given), key)

    def dies_after(self, run_id: str, **given: Any) -> None:
        """A submitter that creates the run, and no more."""

        def create_and_die(properties: Mapping[str, str]) -> str:
            self.create(run_id, properties, **given)
            raise Died

        with pytest.raises(Died):
            self.submit_as(create_and_die)

    def cancel(self, run_id: str) -> None:
        if self.cannot_cancel:
            raise self.cannot_cancel
        self.cancelled.append(run_id)
        self.turns(run_id, RunStatus.CANCELED)

    def found(self, key: str = "k") -> str | None:
        run = self.submissions.find(key)
        return None if run is None else run.run_id


def a_run(run_id: str, *, status: RunStatus) -> HistoryRun:
    return HistoryRun(
        run_id=run_id,
        experiment_id="e",
        kind="automl",
        status=status,
        created=datetime.now(UTC),
        started=None,
        ended=None,
        parent_run_id=None,
        error="",
    )


def never(_properties: Mapping[str, str]) -> str:
    raise AssertionError("it was submitted once more")


@pytest.fixture
def azure() -> Azure:
    return Azure()


def test_a_key_submits_once(azure: Azure) -> None:
    assert azure.found() is None
    assert azure.submit("first") == "first"
    assert azure.found() == "first"
    assert azure.submit_as(never) == "first"
    assert azure.found("another") is None


def test_the_key_stands_on_the_run_and_on_a_marker_of_its_own_experiment(azure: Azure) -> None:
    azure.submit("first", "dag/run/task")
    marker = next(run for run in azure.history.runs.values() if run.run_id != "first")
    assert azure.history.experiments[marker.run_id] == MARKERS
    assert marker.properties == {KEY_PROPERTY: "dag/run/task"}
    assert azure.history.runs["first"].properties[KEY_PROPERTY] == "dag/run/task"
    assert marker.run_id.endswith(azure.history.runs["first"].properties[HASH_PROPERTY])


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELED, RunStatus.CANCEL_REQUESTED])
def test_the_key_of_a_run_without_a_result_submits_anew(azure: Azure, status: RunStatus) -> None:
    azure.submit("first")
    azure.history.runs["first"] = replace(azure.history.runs["first"], status=status)
    assert azure.found() is None
    assert azure.submit("second") == "second"
    assert azure.found() == "second"


def test_death_before_the_submission_submits_again(azure: Azure) -> None:
    def die(_properties: Mapping[str, str]) -> str:
        raise Died

    with pytest.raises(Died):
        azure.submit_as(die)
    assert azure.found() is None
    assert azure.submit("second") == "second"


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.COMPLETED])
def test_death_after_the_submission_finds_the_run(azure: Azure, status: RunStatus) -> None:
    azure.dies_after("first", status=status)
    assert azure.found() == "first"
    assert azure.submit_as(never) == "first"


def test_a_lost_answer_finds_the_run(azure: Azure) -> None:
    def submit_and_fail(properties: Mapping[str, str]) -> str:
        azure.create("first", properties)
        raise ServiceUnavailable("no answer")

    with pytest.raises(ServiceUnavailable, match="no answer"):
        azure.submit_as(submit_and_fail)
    assert azure.cancelled == []
    assert azure.submit_as(never) == "first"


def test_of_two_at_once_the_first_created_stays(azure: Azure) -> None:
    def submit_after_another(properties: Mapping[str, str]) -> str:
        azure.create("other", properties_of("k") | {ATTEMPT_PROPERTY: "other"})
        return azure.create("mine", properties)

    assert azure.submit_as(submit_after_another) == "other"
    assert azure.cancelled == ["mine"]
    assert azure.found() == "other"


def test_of_two_at_once_nobody_counts_on_a_run_that_may_never_start(azure: Azure) -> None:
    def submit_after_another(properties: Mapping[str, str]) -> str:
        azure.create("other", properties_of("k") | {ATTEMPT_PROPERTY: "other"}, status=RunStatus.NOT_STARTED)
        return azure.create("mine", properties)

    with pytest.raises(ServiceUnavailable, match="run other, which is NotStarted"):
        azure.submit_as(submit_after_another)
    assert azure.cancelled == ["mine"]
    azure.turns("other", RunStatus.RUNNING)
    assert azure.submit_as(never) == "other"


# Runs that were created, and may never be started


def test_a_run_that_may_never_start_is_waited_for(azure: Azure) -> None:
    azure.dies_after("fresh", status=RunStatus.NOT_STARTED, age=9)
    for ask in (lambda: azure.submissions.submitted("k"), lambda: azure.submit_as(never)):
        with pytest.raises(ServiceUnavailable, match="under way: it created run fresh, which is NotStarted") as caught:
            ask()
        assert caught.value.retry_after == pytest.approx(60, abs=30)
    assert azure.found() == "fresh", "who wants to cancel it has to find it"
    azure.turns("fresh", RunStatus.PREPARING)
    assert azure.submit_as(never) == "fresh"


def test_a_run_that_was_never_started_is_given_up_for_another(azure: Azure) -> None:
    azure.dies_after("stale", status=RunStatus.NOT_STARTED, age=11)
    assert azure.found() is None
    assert azure.submissions.submitted("k") is None
    assert azure.submit("second") == "second"
    assert azure.cancelled == ["stale"]


@pytest.mark.parametrize("age", [0, 60])
def test_a_run_that_the_marker_names_may_wait_as_long_as_it_likes(azure: Azure, age: float) -> None:
    """For a node of its cluster, for example."""
    azure.submit("first", status=RunStatus.NOT_STARTED, age=age)
    assert azure.found() == "first"
    assert azure.submit_as(never) == "first"
    assert azure.cancelled == []


def test_a_run_of_a_pipeline_is_started_by_being_created(azure: Azure) -> None:
    azure.dies_after("waits", status=RunStatus.NOT_STARTED, age=60, kind="azureml.PipelineRun")
    assert azure.found() == "waits"
    assert azure.submit_as(never) == "waits"
    assert azure.cancelled == []


def twice(azure: Azure, properties: Mapping[str, str], *, status: RunStatus) -> str:
    """The SDK lost the answer to its first request, and sent it again."""
    azure.create("unstarted", properties, status=RunStatus.NOT_STARTED)
    return azure.create("started", properties, status=status)


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.NOT_STARTED])
def test_of_a_request_that_was_repeated_the_run_that_was_started_counts(azure: Azure, status: RunStatus) -> None:
    assert azure.submit_as(lambda properties: twice(azure, properties, status=status)) == "started"
    assert azure.cancelled == ["unstarted"]
    assert azure.found() == "started"


def test_of_a_repeated_request_whose_submitter_died_too(azure: Azure) -> None:
    def die_afterwards(properties: Mapping[str, str]) -> str:
        twice(azure, properties, status=RunStatus.PREPARING)
        raise Died

    with pytest.raises(Died):
        azure.submit_as(die_afterwards)
    assert azure.found() == "started"
    assert azure.submit_as(never) == "started"


def test_what_cannot_be_cancelled_and_never_starts_is_no_failure(azure: Azure) -> None:
    azure.cannot_cancel = Conflict("it has not started")
    assert azure.submit_as(lambda properties: twice(azure, properties, status=RunStatus.RUNNING)) == "started"
    assert azure.found() == "started"


def test_an_attempt_that_failed_leaves_nothing_to_wait_for(azure: Azure) -> None:
    def create_and_fail(properties: Mapping[str, str]) -> str:
        azure.create("other", properties_of("k") | {ATTEMPT_PROPERTY: "other"}, status=RunStatus.FAILED)
        azure.create("unstarted", properties, status=RunStatus.NOT_STARTED)
        raise ServiceUnavailable("late")

    with pytest.raises(ServiceUnavailable, match="late"):
        azure.submit_as(create_and_fail)
    assert azure.cancelled == ["unstarted"]
    assert azure.submit("second") == "second"


def test_attempts_are_told_apart(azure: Azure) -> None:
    seen: list[str] = []

    def note(properties: Mapping[str, str]) -> str:
        seen.append(properties[ATTEMPT_PROPERTY])
        return azure.create(f"run-{len(seen)}", properties)

    azure.submit_as(note)
    azure.turns("run-1", RunStatus.FAILED)
    azure.submit_as(note)
    assert len(set(seen)) == 2


def test_an_empty_key_is_refused_and_finds_nothing(azure: Azure) -> None:
    with pytest.raises(InvalidRequest, match="submission_key is empty"):
        azure.submit_as(never, " ")
    assert azure.found("") is None
