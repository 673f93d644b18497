"""What the scheduler submits, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.pipelines.scheduler import Scheduler
from azureml_local.azure_api.pipelines.schedules import Schedules
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 4, 10, tzinfo=UTC)
NO_SUBMISSIONS: list[Any] = [
    ["x"],
    "x",
    {"Properties": ["x"]},
    {"properties": "x"},
    {"ParameterAssignments": 3},
    {"Nonsense": 1},
    {"Properties": {}, "properties": {}},
]


class Engine:
    """Pipelines that note what is submitted. One of id `p` is published."""

    def __init__(self) -> None:
        self.submitted: list[tuple[str, Any]] = []
        self.refusal: Exception | None = None
        self.fails_for: set[str] = set()
        self.published = SimpleNamespace(get=self._get, list_all=lambda _=None: [])

    def submit(self, pipeline_id: str, submitted: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        if submitted.submission.run_source in self.fails_for:
            raise TypeError("nobody foresaw this")
        self.submitted.append((pipeline_id, submitted))
        return SimpleNamespace(run_id="r")

    def _get(self, pipeline_id: str) -> Any:
        if pipeline_id != "p":
            raise NotFound(pipeline_id)
        return SimpleNamespace(pipeline_id=pipeline_id)


class World:
    def __init__(self, folder: Path) -> None:
        self.now = START
        self.engine = Engine()
        self.documents = Documents(folder / "documents.db")
        stub = SimpleNamespace(
            documents=self.documents, workspace=SimpleNamespace(pipelines=self.engine), addresses=None
        )
        self.surface = cast(Surface, stub)
        self.schedules = Schedules(self.surface, self.clock)
        self.scheduler = Scheduler(self.surface, self.clock)

    def clock(self) -> datetime:
        return self.now

    def create(self, **given: Any) -> dict[str, Any]:
        body = {
            "Name": "often",
            "PipelineId": "p",
            "PipelineSubmissionInfo": {"ExperimentName": "scheduled", "Description": None},
            "ScheduleType": "0",
            "Recurrence": {"Frequency": "Hour", "Interval": 4},
        }
        return self.schedules.create(body | given)

    def runs_until(self, hours: float) -> int:
        """How many are submitted when the scheduler looks every quarter of an hour."""
        end, before = START + timedelta(hours=hours), len(self.engine.submitted)
        while self.now < end:
            self.scheduler.step()
            self.now += timedelta(minutes=15)
        return len(self.engine.submitted) - before


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.documents.close()


def test_it_submits_at_once_and_then_every_interval(world: World) -> None:
    schedule = world.create()
    assert world.runs_until(12.1) == 4
    pipeline_id, submitted = world.engine.submitted[-1]
    assert pipeline_id == "p"
    assert submitted.submission.experiment_name == "scheduled"
    assert submitted.submission.run_source == "Schedule often"
    assert submitted.properties["azureml.scheduleid"] == schedule["Id"]
    assert len({submitted.key for _, submitted in world.engine.submitted}) == 4


def test_a_schedule_that_was_disabled_submits_nothing_and_makes_up_for_nothing(world: World) -> None:
    schedule = world.create()
    assert world.runs_until(0.1) == 1
    world.schedules.change(schedule["Id"], schedule | {"EntityStatus": "Disabled"})
    assert world.runs_until(9) == 0
    world.schedules.change(schedule["Id"], schedule | {"EntityStatus": "0"})
    assert world.runs_until(11.9) == 0
    assert world.runs_until(12.5) == 1


def test_what_falls_due_while_no_server_lives_is_left_out(world: World) -> None:
    world.create()
    assert world.runs_until(1) == 1
    world.now += timedelta(hours=9)
    later = Scheduler(world.surface, world.clock)
    later.start()
    later.stop()
    assert len(world.engine.submitted) == 1
    assert world.runs_until(11.9) == 0
    assert world.runs_until(12.5) == 1


def test_another_recurrence_counts_from_the_change(world: World) -> None:
    schedule = world.create()
    assert world.runs_until(1) == 1
    changed = schedule | {"Name": "daily", "Recurrence": {"Frequency": "Day", "Interval": 1}}
    assert world.schedules.change(schedule["Id"], changed)["Name"] == "daily"
    assert world.runs_until(24.9) == 0
    assert world.runs_until(25.5) == 1


def test_a_refusal_stops_neither_this_schedule_nor_others(world: World) -> None:
    world.create()
    world.engine.refusal = Conflict("the pipeline is Disabled")
    assert world.runs_until(1) == 0
    world.engine.refusal = None
    world.create(Name="other")
    assert world.runs_until(2) == 1
    assert world.runs_until(5) == 1


def test_an_error_that_nobody_foresaw_stops_no_other_and_loses_nothing(world: World) -> None:
    first = world.create(Name="first")
    world.create(Name="second")
    world.engine.fails_for = {"Schedule first"}
    world.scheduler.step()
    assert [submitted.submission.run_source for _, submitted in world.engine.submitted] == ["Schedule second"]
    world.engine.fails_for = set()
    Scheduler(world.surface, world.clock).step()  # another: this one waits a moment before it tries again
    (_, late) = world.engine.submitted[1]
    assert late.key == f"schedule {first['Id']} {START.isoformat()}"


def test_fields_of_what_is_submitted_may_be_in_any_case(world: World) -> None:
    world.create(PipelineSubmissionInfo={"properties": {"why": "tests"}, "runSource": "somebody", "tags": {"a": "b"}})
    world.scheduler.step()
    ((_, submitted),) = world.engine.submitted
    assert submitted.properties["why"] == "tests"
    assert submitted.submission.run_source == "Schedule often"
    assert submitted.tags == {"a": "b"}


@pytest.mark.parametrize("info", NO_SUBMISSIONS)
def test_a_change_to_what_cannot_be_submitted_changes_nothing(world: World, info: Any) -> None:
    schedule = world.create()
    with pytest.raises(InvalidRequest, match="PipelineSubmissionInfo"):
        world.schedules.change(schedule["Id"], schedule | {"PipelineSubmissionInfo": info})
    assert world.schedules.get(schedule["Id"]) == schedule


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"PipelineId": "nobody"}, NotFound),
        ({"PipelineId": None}, InvalidRequest),
        ({"PipelineEndpointId": "e"}, InvalidRequest),
        ({"ScheduleType": "1", "Recurrence": None}, InvalidRequest),
        ({"Recurrence": {"Frequency": "Week", "Interval": 1, "Schedule": ["x"]}}, InvalidRequest),
        ({"Recurrence": {"Frequency": "Week", "Interval": 1, "Schedule": {"WeekDays": 1}}}, InvalidRequest),
        ({"Name": "two\nlines"}, InvalidRequest),
        *(({"PipelineSubmissionInfo": info}, InvalidRequest) for info in NO_SUBMISSIONS),
    ],
)
def test_schedules_that_cannot_be(world: World, given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        world.create(**given)
    assert world.schedules.list_all() == []
