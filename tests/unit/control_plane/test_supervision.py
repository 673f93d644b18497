from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from azureml_local.scoring.config import ServiceStatus
from azureml_local.services import supervision
from azureml_local.services.process import ServiceProcess
from azureml_local.services.supervision import MOST_SILENT_PROBES, Watch, look_at
from azureml_local.store.services import Deployment, StoredService
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit

FIRST = Deployment(service_name="svc", model_name="bank", model_version=1)
SECOND = replace(FIRST, model_version=2)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class ScriptedProcess:
    """Plays a service's process: alive or not, and with a status to tell."""

    def __init__(self) -> None:
        self.alive = True
        self.is_given_up = False
        self.deaths = 0
        self.starts = 0
        self.stops = 0
        self.last_death = "its process was killed by SIGKILL"
        self.told: ServiceStatus | None = None

    def tell(self, generation: int, *, error: str = "", state: Any = "Healthy") -> None:
        self.told = ServiceStatus(
            pid=1, pid_started=1.0, generation=generation, state=state, error=error, model_version=1
        )

    def is_alive(self) -> bool:
        return self.alive

    def status(self) -> ServiceStatus | None:
        return self.told

    def note_death(self) -> None:
        self.told = None

    def end(self, reason: str, *, quick: bool) -> None:
        self.last_death, self.told, self.alive = reason, None, False
        self.deaths += 1

    def forgive(self) -> None:
        self.deaths = 0

    def die(self) -> None:
        self.alive, self.told = False, None
        self.deaths += 1

    def last_words(self) -> str:
        return "; the last lines of its log: boom"

    def start_when_due(self) -> bool:
        self.starts += 1
        self.alive = True
        return True

    def stop(self) -> None:
        self.stops += 1
        self.alive = False


@pytest.fixture
def process() -> ScriptedProcess:
    return ScriptedProcess()


@pytest.fixture
def watch(process: ScriptedProcess) -> Watch:
    return Watch(cast(ServiceProcess, process))


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether GET / answers 200."""
    says = {"answers": True}
    monkeypatch.setattr(supervision, "answers", lambda host, port: says["answers"])
    return says


def stored(**changes: Any) -> StoredService:
    service = StoredService(
        name="svc",
        host="127.0.0.1",
        port=1,
        generation=3,
        state=ServiceState.TRANSITIONING,
        wanted=FIRST,
        created_at=NOW,
        updated_at=NOW,
        app_insights_enabled=False,
        tags={},
    )
    return replace(service, **changes)


def test_a_new_service_is_started_and_healthy_when_it_says_so_and_answers(
    process: ScriptedProcess, watch: Watch, answering: dict[str, bool]
) -> None:
    process.alive = False
    service = look_at(stored(), watch)
    assert (service.state, process.starts) == (ServiceState.TRANSITIONING, 1)
    assert look_at(service, watch) == service  # says nothing yet
    process.tell(3)
    answering["answers"] = False
    assert look_at(service, watch).state is ServiceState.TRANSITIONING
    answering["answers"] = True
    watch.next_probe_at = 0
    healthy = look_at(service, watch)
    assert (healthy.state, healthy.live, healthy.error) == (ServiceState.HEALTHY, FIRST, "")


def test_an_older_generation_is_not_the_answer(process: ScriptedProcess, watch: Watch, answering: Any) -> None:
    process.tell(2)
    service = stored(live=FIRST, wanted=SECOND)
    assert look_at(service, watch) == service


def test_a_first_deployment_that_is_refused_has_failed(process: ScriptedProcess, watch: Watch) -> None:
    process.alive = False
    process.tell(3, state="Failed", error="model.onnx is damaged")
    failed = look_at(stored(), watch)
    assert (failed.state, failed.error) == (ServiceState.FAILED, "model.onnx is damaged")
    assert look_at(failed, watch) == failed
    assert process.starts == 0


def test_a_refused_update_is_taken_back_and_said(process: ScriptedProcess, watch: Watch, answering: Any) -> None:
    process.tell(3, error="model.onnx is damaged")
    service = look_at(stored(live=FIRST, wanted=SECOND), watch)
    assert (service.state, service.generation, service.wanted) == (ServiceState.UNHEALTHY, 4, FIRST)
    assert "bank:2 was refused: model.onnx is damaged; model bank:1 goes on serving" in service.error
    process.tell(4)
    settled = look_at(service, watch)
    assert (settled.state, settled.live) == (ServiceState.UNHEALTHY, FIRST)
    assert "was refused" in settled.error


def test_a_service_that_refuses_a_switch_goes_on(process: ScriptedProcess, watch: Watch) -> None:
    process.tell(3, error="keys.json is missing")
    service = look_at(stored(live=FIRST, state=ServiceState.HEALTHY), watch)
    assert (service.state, service.error, process.stops) == (ServiceState.UNHEALTHY, "keys.json is missing", 0)


def test_a_dead_service_is_unhealthy_until_its_next_process_answers(
    process: ScriptedProcess, watch: Watch, answering: Any
) -> None:
    process.alive = False
    dead = look_at(stored(live=FIRST, state=ServiceState.HEALTHY), watch)
    assert (dead.state, process.starts) == (ServiceState.UNHEALTHY, 1)
    assert "SIGKILL" in dead.error
    process.tell(3)
    alive = look_at(dead, watch)
    assert (alive.state, alive.error) == (ServiceState.HEALTHY, "")


def test_a_service_that_dies_again_and_again_has_failed(process: ScriptedProcess, watch: Watch) -> None:
    process.alive = False
    process.is_given_up = True
    failed = look_at(stored(live=FIRST), watch)
    assert failed.state is ServiceState.FAILED
    assert "SIGKILL; the last lines of its log: boom" in failed.error


def test_a_silent_service_is_unhealthy_until_it_answers(
    process: ScriptedProcess, watch: Watch, answering: dict[str, bool]
) -> None:
    process.tell(3)
    answering["answers"] = False
    service = stored(live=FIRST, state=ServiceState.HEALTHY)
    for _ in range(MOST_SILENT_PROBES):
        assert service.state is ServiceState.HEALTHY
        watch.next_probe_at = 0
        service = look_at(service, watch)
    assert service.state is ServiceState.UNHEALTHY
    assert "does not answer" in service.error
    answering["answers"] = True
    watch.next_probe_at = 0
    assert look_at(service, watch).state is ServiceState.HEALTHY


def test_a_deployment_that_is_never_taken_up(process: ScriptedProcess, watch: Watch) -> None:
    watch.asked_at -= supervision.TAKE_UP_SECONDS
    assert look_at(stored(live=FIRST, wanted=SECOND), watch).state is ServiceState.UNHEALTHY
    assert process.stops == 0
    assert look_at(stored(), watch).state is ServiceState.FAILED
    assert process.stops == 1


def test_an_update_that_kills_the_process_is_taken_back(process: ScriptedProcess, watch: Watch, answering: Any) -> None:
    service = stored(live=FIRST, wanted=SECOND)
    process.die()
    service = look_at(service, watch)
    assert (service.wanted, service.generation, process.starts) == (SECOND, 3, 1)  # once may be chance
    process.die()
    service = look_at(service, watch)
    assert (service.state, service.wanted, service.generation) == (ServiceState.UNHEALTHY, FIRST, 4)
    assert "bank:2 was refused: the process died 2 times, the last time: its process was killed" in service.error
    look_at(service, watch)
    process.tell(4)
    settled = look_at(service, watch)
    assert (settled.state, settled.live, process.starts) == (ServiceState.UNHEALTHY, FIRST, 2)
    assert "was refused" in settled.error


def test_a_start_error_of_what_served_before_is_tried_again(
    process: ScriptedProcess, watch: Watch, answering: Any
) -> None:
    process.tell(3, state="Failed", error="MemoryError: no room")
    service = look_at(stored(live=FIRST, state=ServiceState.HEALTHY), watch)
    assert (service.state, process.starts) == (ServiceState.UNHEALTHY, 1)
    assert "MemoryError: no room; it is being restarted" in service.error
    process.tell(3)
    assert look_at(service, watch).state is ServiceState.HEALTHY
    process.tell(3, state="Failed", error="MemoryError: no room")
    process.is_given_up = True
    failed = look_at(service, watch)
    assert failed.state is ServiceState.FAILED
    assert "MemoryError: no room" in failed.error


def test_a_hung_process_is_replaced(process: ScriptedProcess, watch: Watch, answering: dict[str, bool]) -> None:
    process.tell(3)
    answering["answers"] = False
    service = look_at(stored(live=FIRST, state=ServiceState.HEALTHY), watch)
    assert process.alive
    watch.silent_since -= supervision.HUNG_SECONDS
    watch.next_probe_at = 0
    service = look_at(service, watch)
    assert (service.state, process.alive) == (ServiceState.UNHEALTHY, False)
    assert "did not answer GET / for 30 s; it is being restarted" in service.error
    look_at(service, watch)
    assert (process.alive, process.starts, watch.silent_probes) == (True, 1, 0)


def test_a_process_that_neither_follows_nor_answers_is_replaced(
    process: ScriptedProcess, watch: Watch, answering: dict[str, bool]
) -> None:
    process.tell(2)
    service = stored(live=FIRST, wanted=SECOND)
    watch.asked_at -= supervision.TAKE_UP_SECONDS
    for _ in range(MOST_SILENT_PROBES):
        assert process.alive
        watch.next_probe_at = 0
        look_at(service, watch)
    assert process.alive  # it answers: it is busy
    answering["answers"] = False
    for _ in range(MOST_SILENT_PROBES):
        watch.next_probe_at = 0
        service = look_at(service, watch)
    assert (process.alive, process.deaths) == (False, 1)
    assert "did not take up the deployment within 60 s and does not answer GET /" in service.error
