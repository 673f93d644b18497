"""What the triggers do with a workspace that answers from a script."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.module_loading import import_string
from tests.unit.airflow_azureml.conftest import TOKEN, FakeWorkspace, TaskStates, progress, unavailable

from airflow_azureml.triggers import _polling as polling
from airflow_azureml.triggers import _workspaces
from airflow_azureml.triggers.run import AzureMLRunTrigger
from airflow_azureml.triggers.service import AzureMLServiceTrigger
from azureml_workspace.errors import Throttled, Unauthorized
from azureml_workspace.statuses import RunStatus, ServiceState

pytestmark = pytest.mark.unit


class Clock:
    """Unix time that passes only while a trigger pauses."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def passing(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=clock.sleep, wait_for=asyncio.wait_for))
    monkeypatch.setattr(polling, "time", clock)
    monkeypatch.setattr("airflow_azureml._waiting.time", clock)
    monkeypatch.setattr("airflow_azureml._run_progress.time", clock)
    monkeypatch.setattr(_workspaces, "open_workspace", lambda *_args, **_kwargs: workspace)
    monkeypatch.setattr(_workspaces, "_shared", WeakValueDictionary())
    return clock


def run_trigger(clock: Clock, **given: Any) -> AzureMLRunTrigger:
    common = {"conn_id": "azureml_default", "poll_seconds": 2.0, "outage_seconds": 60.0, "deadline": clock.now + 600}
    return AzureMLRunTrigger(run_id="run-1", **(common | given))


def fire(trigger: polling.PollingTrigger[Any]) -> dict[str, Any]:
    """The one event of the trigger."""

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(events())
    assert json.loads(json.dumps(event)) == event
    assert isinstance(event, dict)
    return event


def test_fires_when_the_run_has_ended(workspace: FakeWorkspace, passing: Clock) -> None:
    event = fire(run_trigger(passing))
    assert event == {
        "status": "ended",
        "message": "run run-1 is settled.",
        "run_id": "run-1",
        "run_status": "Completed",
    }
    assert workspace.cancelled == []


def test_looks_at_once(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.FAILED]
    assert fire(run_trigger(passing))["run_status"] == "Failed"
    assert passing.pauses == []


def test_an_unknown_status_goes_on(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.UNKNOWN, RunStatus.UNKNOWN, RunStatus.CANCELED]
    assert fire(run_trigger(passing))["run_status"] == "Canceled"


def test_the_deadline_is_absolute_and_cancels_the_run(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    began = passing.now
    trigger = run_trigger(passing, deadline=began + 100)
    passing.now += 70  # a triggerer that was away
    event = fire(trigger)
    assert (event["status"], event["run_status"]) == ("deadline", "Running")
    assert passing.now == pytest.approx(began + 100)
    assert workspace.cancelled == ["run-1"]


def test_a_run_that_ended_while_no_triggerer_looked_has_ended(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.COMPLETED]
    assert fire(run_trigger(passing, deadline=passing.now - 5))["status"] == "ended"
    assert workspace.cancelled == []


def test_a_watched_run_is_not_cancelled(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    trigger = run_trigger(passing, owns_run=False, deadline=passing.now + 5)
    assert fire(trigger)["status"] == "deadline"
    asyncio.run(trigger.on_kill())
    assert workspace.cancelled == []


def test_an_outage_is_borne(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.RUNNING, *[unavailable()] * 10, RunStatus.COMPLETED]
    assert fire(run_trigger(passing, outage_seconds=60))["status"] == "ended"


def test_a_lasting_outage_ends_the_wait_and_not_the_run(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.RUNNING, unavailable()]
    began = passing.now
    event = fire(run_trigger(passing, outage_seconds=60))
    assert event["status"] == "unreachable"
    assert event["message"] == "ServiceUnavailable: the server does not answer"
    assert 60 <= passing.now - began <= 75
    assert workspace.cancelled == []


def test_throttling_is_obeyed(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [Throttled("slow down", 17.0), RunStatus.COMPLETED]
    fire(run_trigger(passing))
    assert passing.pauses == [17.0]


def test_an_error_that_waiting_cannot_mend_ends_the_wait_at_once(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [Unauthorized("wrong token")]
    event = fire(run_trigger(passing))
    assert event == {
        "status": "refused",
        "message": "Unauthorized: wrong token",
        "run_id": "run-1",
        "run_status": None,
    }
    assert passing.pauses == []


def test_a_connection_that_airflow_does_not_give_is_an_outage(passing: Clock) -> None:
    """Of one that is not there it says the same."""
    event = fire(run_trigger(passing, conn_id="nowhere", outage_seconds=60))
    assert event["status"] == "unreachable"
    assert "airflow connections add nowhere" in event["message"]
    assert passing.pauses


def test_a_token_that_changed_is_read_anew(
    workspace: FakeWorkspace, passing: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(_workspaces, "open_workspace", lambda *_args, **_kwargs: opened.append(1) or workspace)
    workspace.statuses = [RunStatus.RUNNING, Unauthorized("wrong token"), RunStatus.COMPLETED]
    assert fire(run_trigger(passing))["status"] == "ended"
    assert len(opened) == 2


def test_a_workspace_that_hangs_delays_no_deadline(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of many triggers wait for few threads."""
    let_go = threading.Event()

    def hang() -> None:
        let_go.wait(30)

    workspace.on_get_run = hang
    monkeypatch.setattr(_workspaces, "open_workspace", lambda *_args, **_kwargs: workspace)
    monkeypatch.setattr(polling, "_LAST_LOOK_SECONDS", 0.3)

    async def one() -> str:
        common = {"conn_id": "azureml_default", "poll_seconds": 2.0, "outage_seconds": 60.0}
        trigger = AzureMLRunTrigger(run_id="run-1", owns_run=False, deadline=time.time() + 0.2, **common)
        (status,) = [event.payload["status"] async for event in trigger.run()]
        return str(status)

    async def all_of_them() -> list[str]:
        try:
            return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(12))), 20)
        finally:
            let_go.set()

    assert set(asyncio.run(all_of_them())) == {"deadline"}


def test_pauses_grow_and_are_bounded(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.statuses = [RunStatus.RUNNING]
    fire(run_trigger(passing, deadline=passing.now + 3600))
    assert 2 <= passing.pauses[0] <= 2.2
    assert 30 <= max(passing.pauses) <= 33
    assert len(passing.pauses) < 160
    passing.pauses.clear()
    fire(run_trigger(passing, poll_seconds=90.0, deadline=passing.now + 1000))
    assert min(passing.pauses[:-1]) >= 90


def test_details_cost_a_request_only_now_and_then(
    workspace: FakeWorkspace, passing: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.statuses = [RunStatus.QUEUED, RunStatus.QUEUED, *[RunStatus.RUNNING] * 20, RunStatus.COMPLETED]
    workspace.progress = [replace(progress(n), elapsed_seconds=10 * n) for n in range(1, 30)]
    fire(run_trigger(passing))
    log = capsys.readouterr().out
    assert log.count("Run run-1 is Queued.") == 1
    assert 2 <= log.count("AutoML, search") <= 10
    assert log.count("Run run-1 is Completed") == 1


class TestOnKill:
    """Airflow calls it when the trigger's task is not deferred any more, and when another triggerer took it over."""

    @pytest.fixture
    def trigger(self, passing: Clock) -> AzureMLRunTrigger:
        trigger = run_trigger(passing)
        trigger.task_instance = SimpleNamespace(dag_id="d", run_id="manual__1", task_id="automl_run", map_index=-1)
        return trigger

    @pytest.mark.parametrize("state", [None, "failed", "success", "removed"])
    def test_cancels_the_run(
        self, workspace: FakeWorkspace, trigger: AzureMLRunTrigger, states: TaskStates, state: str | None
    ) -> None:
        states.say(state)
        asyncio.run(trigger.on_kill())
        assert workspace.cancelled == ["run-1"]

    def test_of_a_deleted_dag_run(
        self, workspace: FakeWorkspace, trigger: AzureMLRunTrigger, states: TaskStates
    ) -> None:
        states.clear()
        asyncio.run(trigger.on_kill())
        assert workspace.cancelled == ["run-1"]

    @pytest.mark.parametrize("state", ["deferred", "scheduled", "queued", "running", "up_for_retry"])
    def test_leaves_a_run_that_somebody_waits_for(
        self, workspace: FakeWorkspace, trigger: AzureMLRunTrigger, states: TaskStates, state: str
    ) -> None:
        """Another triggerer took the trigger over, and may have fired it since."""
        states.say(state)
        asyncio.run(trigger.on_kill())
        assert workspace.cancelled == []

    def test_leaves_the_run_when_airflow_does_not_tell(
        self, workspace: FakeWorkspace, trigger: AzureMLRunTrigger, states: TaskStates
    ) -> None:
        states.error = AirflowRuntimeError(ErrorResponse())
        asyncio.run(trigger.on_kill())
        assert workspace.cancelled == []

    def test_is_not_stopped_by_being_cancelled_again(
        self,
        workspace: FakeWorkspace,
        trigger: AzureMLRunTrigger,
        states: TaskStates,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Airflow 3.3.2 does that once a second."""
        monkeypatch.setattr(
            RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_asked: time.sleep(0.1) or states)
        )

        async def kill() -> None:
            killing = asyncio.create_task(trigger.on_kill())
            for _ in range(3):
                await asyncio.sleep(0.02)
                killing.cancel()
            await killing

        asyncio.run(kill())
        assert workspace.cancelled == ["run-1"]

    def test_with_the_workspace_away_raises_nothing(
        self,
        workspace: FakeWorkspace,
        trigger: AzureMLRunTrigger,
        states: TaskStates,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def down(run_id: str) -> None:
            raise unavailable()

        monkeypatch.setattr(workspace, "cancel_run", down)
        asyncio.run(trigger.on_kill())

    def test_an_error_nobody_thought_of_is_logged(
        self, workspace: FakeWorkspace, trigger: AzureMLRunTrigger, states: TaskStates, capsys: Any
    ) -> None:
        states.error = ZeroDivisionError("a bug")
        asyncio.run(trigger.on_kill())
        assert "a bug" in capsys.readouterr().out

    def test_cleanup_cancels_nothing(self, workspace: FakeWorkspace, trigger: AzureMLRunTrigger) -> None:
        asyncio.run(trigger.cleanup())
        assert workspace.cancelled == []


def service_trigger(clock: Clock, **given: Any) -> AzureMLServiceTrigger:
    common = {"conn_id": "azureml_default", "poll_seconds": 1.0, "outage_seconds": 60.0, "deadline": clock.now + 600}
    return AzureMLServiceTrigger(service_name="svc-a", **(common | given))


@pytest.mark.parametrize("state", [ServiceState.HEALTHY, ServiceState.FAILED, ServiceState.UNHEALTHY])
def test_fires_when_the_service_is_settled(workspace: FakeWorkspace, passing: Clock, state: ServiceState) -> None:
    workspace.states = [ServiceState.TRANSITIONING, unavailable(), ServiceState.UNKNOWN, state]
    event = fire(service_trigger(passing))
    assert (event["status"], event["service_name"], event["service_state"]) == ("ended", "svc-a", state.value)


def test_a_service_that_is_not_deployed_in_time(workspace: FakeWorkspace, passing: Clock) -> None:
    workspace.states = [ServiceState.TRANSITIONING]
    assert fire(service_trigger(passing, deadline=passing.now + 10))["status"] == "deadline"


def test_a_killed_deployment_is_left_alone(workspace: FakeWorkspace, passing: Clock) -> None:
    asyncio.run(service_trigger(passing).on_kill())
    assert workspace.calls == []


@pytest.mark.parametrize("make", [run_trigger, service_trigger])
def test_serialized_and_back_it_is_the_same_and_holds_no_secret(passing: Clock, make: Any) -> None:
    path, given = make(passing).serialize()
    assert TOKEN not in json.dumps(given)
    again = import_string(path)(**json.loads(json.dumps(given)))
    assert again.serialize() == (path, given)


def test_triggers_of_one_connection_share_a_workspace_until_the_last_is_gone(passing: Clock) -> None:
    async def share() -> None:
        first = await _workspaces.shared_workspace("azureml_default")
        second = await _workspaces.shared_workspace("azureml_default")
        assert first is second

    asyncio.run(share())
    assert len(_workspaces._shared) == 0
