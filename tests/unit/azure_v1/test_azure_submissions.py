from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.submissions import HASH_PROPERTY, KEY_PROPERTY, MARKERS, Submissions, properties_of
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

EXPERIMENT = "bank"
START = datetime.now(UTC)


class Died(Exception):
    """The submitting process is gone."""


class FakeHistory:
    """Runs by id, as run history keeps them; written values of properties never change."""

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
        assert all(before.properties.get(name, value) == value for name, value in properties.items())
        self.experiments[run_id] = experiment
        self.runs[run_id] = replace(
            before,
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

    def create(self, run_id: str, key: str, *, status: RunStatus = RunStatus.RUNNING, age: float = 0) -> str:
        created = START + timedelta(seconds=len(self.history.runs)) - timedelta(minutes=age)
        self.history.runs[run_id] = replace(
            a_run(run_id, status=status), created=created, properties=properties_of(key)
        )
        self.history.experiments[run_id] = EXPERIMENT
        return run_id

    def submit(self, run_id: str, key: str = "k", **given: Any) -> str:
        return self.submissions.submit(key, EXPERIMENT, lambda: self.create(run_id, key, **given), self.cancel)

    def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)
        self.history.runs[run_id] = replace(self.history.runs[run_id], status=RunStatus.CANCELED)

    def found(self, key: str = "k") -> str | None:
        run = self.submissions.find(key)
        return None if run is None else run.run_id


def a_run(run_id: str, *, status: RunStatus) -> HistoryRun:
    return HistoryRun(
        run_id=run_id,
        experiment_id="e",
        kind="automl",
        status=status,
        created=START,
        started=None,
        ended=None,
        parent_run_id=None,
        error="",
    )


def never() -> str:
    raise AssertionError("it was submitted once more")


@pytest.fixture
def azure() -> Azure:
    return Azure()


def test_a_key_submits_once(azure: Azure) -> None:
    assert azure.found() is None
    assert azure.submit("first") == "first"
    assert azure.found() == "first"
    assert azure.submissions.submit("k", EXPERIMENT, never, azure.cancel) == "first"
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
    def die() -> str:
        raise Died

    with pytest.raises(Died):
        azure.submissions.submit("k", EXPERIMENT, die, azure.cancel)
    assert azure.found() is None
    assert azure.submit("second") == "second"


def test_death_after_the_submission_finds_the_run(azure: Azure) -> None:
    def submit_and_die() -> str:
        azure.create("first", "k")
        raise ServiceUnavailable("no answer")

    with pytest.raises(ServiceUnavailable):
        azure.submissions.submit("k", EXPERIMENT, submit_and_die, azure.cancel)
    assert azure.found() == "first"
    assert azure.submissions.submit("k", EXPERIMENT, never, azure.cancel) == "first"


def test_of_two_at_once_the_first_created_stays(azure: Azure) -> None:
    def submit_after_another() -> str:
        azure.create("other", "k")
        return azure.create("mine", "k")

    assert azure.submissions.submit("k", EXPERIMENT, submit_after_another, azure.cancel) == "other"
    assert azure.cancelled == ["mine"]
    assert azure.found() == "other"


def test_a_run_that_was_never_started_is_given_up_for_another(azure: Azure) -> None:
    def create_and_die() -> str:
        azure.create("stale", "k", status=RunStatus.NOT_STARTED, age=11)
        raise Died

    with pytest.raises(Died):
        azure.submissions.submit("k", EXPERIMENT, create_and_die, azure.cancel)
    assert azure.found() is None
    assert azure.submit("second") == "second"
    assert azure.cancelled == ["stale"]


def test_a_run_that_waits_for_its_start_is_found(azure: Azure) -> None:
    def create_and_die() -> str:
        azure.create("fresh", "k", status=RunStatus.NOT_STARTED, age=1)
        raise Died

    with pytest.raises(Died):
        azure.submissions.submit("k", EXPERIMENT, create_and_die, azure.cancel)
    assert azure.found() == "fresh"


def test_an_empty_key_is_refused_and_finds_nothing(azure: Azure) -> None:
    with pytest.raises(InvalidRequest, match="submission_key is empty"):
        azure.submissions.submit(" ", EXPERIMENT, never, azure.cancel)
    assert azure.found("") is None
