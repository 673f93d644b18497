"""The rules of supervision: given a service as remembered and its process, what it is now and what to do."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from azureml_local.scoring.config import ServiceStatus
from azureml_local.services.process import ServiceProcess, answers
from azureml_local.store.services import StoredService
from azureml_workspace.records import DeploySettings
from azureml_workspace.statuses import ServiceState

PROBE_EVERY_SECONDS = 5.0
PROBE_AGAIN_SECONDS = 1.0
MOST_SILENT_PROBES = 3
TAKE_UP_SECONDS = 60.0
"""How long a process may take to say what became of a deployment."""


@dataclass
class Watch:
    """What is remembered of one service between two looks, in this server's lifetime."""

    process: ServiceProcess
    next_probe_at: float = 0.0
    silent_probes: int = 0
    asked_at: float = field(default_factory=time.monotonic)

    def expect_answer(self) -> None:
        """The process was started, or asked for something new: what is known of it is out of date."""
        self.asked_at = time.monotonic()
        self.next_probe_at = 0.0
        self.silent_probes = 0


def look_at(service: StoredService, watch: Watch) -> StoredService:
    """The service as it is now; equal to `service` when nothing changed. A grown generation wants to be written."""
    if service.state is ServiceState.FAILED:
        return service
    status = watch.process.status()
    failed_at_start = status is not None and status.state == "Failed" and status.generation >= service.generation
    if not watch.process.is_alive() and not failed_at_start:
        return _without_process(service, watch)
    if status is None or status.generation < service.generation:
        return _unanswered(service, watch)
    if status.state == "Failed" or status.error:
        return _refused(service, watch, status)
    return _taken_up(service, watch)


def _without_process(service: StoredService, watch: Watch) -> StoredService:
    watch.process.note_death()
    if watch.process.is_given_up:
        return replace(
            service,
            state=ServiceState.FAILED,
            error=f"its process dies again and again right after its start: {watch.process.last_death}"
            f"{watch.process.last_words()}",
        )
    try:
        if watch.process.start_when_due():
            watch.expect_answer()
    except OSError as error:
        return replace(service, state=ServiceState.FAILED, error=f"its process cannot be started: {error}")
    if service.state is ServiceState.TRANSITIONING:
        return service
    return replace(service, state=ServiceState.UNHEALTHY, error=f"{watch.process.last_death}; it is being restarted")


def _unanswered(service: StoredService, watch: Watch) -> StoredService:
    if time.monotonic() - watch.asked_at < TAKE_UP_SECONDS:
        return service
    hung = f"its process did not take up the deployment within {TAKE_UP_SECONDS:.0f} s"
    if service.live is None:
        watch.process.stop()
        return replace(service, state=ServiceState.FAILED, error=hung)
    return replace(service, state=ServiceState.UNHEALTHY, error=hung)


def _refused(service: StoredService, watch: Watch, status: ServiceStatus) -> StoredService:
    """An update that is refused is taken back, so that a restart starts what serves now and not what cannot."""
    reason = status.error or "its process gave no reason"
    if service.live is not None and service.live != service.wanted:
        watch.expect_answer()
        refused = (
            f"the update to {_model(service.wanted)} was refused: {reason}; {_model(service.live)} goes on serving"
        )
        return replace(
            service,
            generation=service.generation + 1,
            wanted=service.live,
            state=ServiceState.UNHEALTHY,
            error=refused,
            refused=refused,
        )
    if status.state == "Failed":
        watch.process.stop()
        return replace(service, state=ServiceState.FAILED, error=reason)
    return replace(service, state=ServiceState.UNHEALTHY, error=reason)


def _taken_up(service: StoredService, watch: Watch) -> StoredService:
    now = time.monotonic()
    if now < watch.next_probe_at:
        return service
    if answers(service.host, service.port):
        watch.next_probe_at = now + PROBE_EVERY_SECONDS
        watch.silent_probes = 0
        state = ServiceState.UNHEALTHY if service.refused else ServiceState.HEALTHY
        return replace(service, live=service.wanted, state=state, error=service.refused)
    watch.next_probe_at = now + PROBE_AGAIN_SECONDS
    watch.silent_probes += 1
    if watch.silent_probes < MOST_SILENT_PROBES:
        return service
    return replace(service, state=ServiceState.UNHEALTHY, error="its process runs but does not answer GET /")


def _model(settings: DeploySettings) -> str:
    return f"model {settings.model_name}:{settings.model_version}"
