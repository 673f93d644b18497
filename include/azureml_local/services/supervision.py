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
HUNG_SECONDS = 30.0
"""A process that is silent for that long is ended, and another takes its place."""
MOST_DEATHS_OF_AN_UPDATE = 2
"""The first may have another cause."""


@dataclass
class Watch:
    """What is remembered of one service between two looks, in this server's lifetime."""

    process: ServiceProcess
    next_probe_at: float = 0.0
    silent_probes: int = 0
    silent_since: float = 0.0
    asked_at: float = field(default_factory=time.monotonic)

    def expect_answer(self) -> None:
        """The process was started, or asked for something new: what is known of it is out of date."""
        self.asked_at = time.monotonic()
        self.next_probe_at = 0.0
        self.silent_probes = 0

    def probe(self, service: StoredService) -> bool | None:
        """Whether the process answers `GET /`; None when it is not yet time to ask again."""
        now = time.monotonic()
        if now < self.next_probe_at:
            return None
        if answers(service.host, service.port):
            self.next_probe_at = now + PROBE_EVERY_SECONDS
            self.silent_probes = 0
            return True
        self.next_probe_at = now + PROBE_AGAIN_SECONDS
        if self.silent_probes == 0:
            self.silent_since = now
        self.silent_probes += 1
        return False

    @property
    def silent_seconds(self) -> float:
        """For how long every probe has failed."""
        return time.monotonic() - self.silent_since if self.silent_probes else 0.0


def never_got_its_port(service: StoredService, watch: Watch) -> bool:
    """Whether another program took a new service's port first; it may have another: nobody was told of this one."""
    if service.live is not None or watch.process.is_given_up:
        return False
    status = watch.process.status()
    return status is not None and status.port_taken and status.generation >= service.generation


def look_at(service: StoredService, watch: Watch) -> StoredService:
    """The service as it is now; equal to `service` when nothing changed. A grown generation wants to be written."""
    if service.state is ServiceState.FAILED:
        return service
    status = watch.process.status()
    if status is not None and status.state == "Failed" and status.generation >= service.generation:
        if service.live != service.wanted:
            return _refused(service, watch, status)
        # What served before can serve again: the cause (memory, a port, open files) may pass.
        watch.process.end(status.error, quick=True)
    if not watch.process.is_alive():
        return _without_process(service, watch)
    if status is None or status.generation < service.generation:
        return _unanswered(service, watch)
    if status.error:
        return _refused(service, watch, status)
    return _taken_up(service, watch)


def _without_process(service: StoredService, watch: Watch) -> StoredService:
    process = watch.process
    process.note_death()
    if service.live not in (None, service.wanted) and process.deaths >= MOST_DEATHS_OF_AN_UPDATE:
        reason = f"the process died {process.deaths} times, the last time: {process.last_death}{process.last_words()}"
        process.forgive()
        return _taken_back(service, watch, reason)
    if process.is_given_up:
        return replace(
            service,
            state=ServiceState.FAILED,
            error=f"its process dies again and again right after its start: {process.last_death}{process.last_words()}",
        )
    if process.start_when_due():
        watch.expect_answer()
    if service.state is ServiceState.TRANSITIONING:
        return service
    return replace(service, state=ServiceState.UNHEALTHY, error=f"{process.last_death}; it is being restarted")


def _unanswered(service: StoredService, watch: Watch) -> StoredService:
    if time.monotonic() - watch.asked_at < TAKE_UP_SECONDS:
        return service
    hung = f"its process did not take up the deployment within {TAKE_UP_SECONDS:.0f} s"
    if service.live is None:
        watch.process.stop()
        return replace(service, state=ServiceState.FAILED, error=hung)
    watch.probe(service)
    if watch.silent_probes >= MOST_SILENT_PROBES:
        return _restarted(service, watch, f"{hung} and does not answer GET /")
    return replace(service, state=ServiceState.UNHEALTHY, error=hung)


def _restarted(service: StoredService, watch: Watch, reason: str) -> StoredService:
    watch.process.end(reason, quick=False)
    return replace(service, state=ServiceState.UNHEALTHY, error=f"{reason}; it is being restarted")


def _refused(service: StoredService, watch: Watch, status: ServiceStatus) -> StoredService:
    """An update that is refused is taken back, so that a restart starts what serves now and not what cannot."""
    reason = status.error or "its process gave no reason"
    if service.live not in (None, service.wanted):
        return _taken_back(service, watch, reason)
    if status.state == "Failed":
        watch.process.stop()
        return replace(service, state=ServiceState.FAILED, error=reason)
    return replace(service, state=ServiceState.UNHEALTHY, error=reason)


def _taken_back(service: StoredService, watch: Watch, reason: str) -> StoredService:
    live = service.live
    if live is None:
        raise ValueError(f"service {service.name!r} has no deployment to go back to")
    watch.expect_answer()
    refused = f"the update to {_model(service.wanted)} was refused: {reason}; {_model(live)} goes on serving"
    return replace(
        service,
        generation=service.generation + 1,
        wanted=live,
        state=ServiceState.UNHEALTHY,
        error=refused,
        refused=refused,
    )


def _taken_up(service: StoredService, watch: Watch) -> StoredService:
    answered = watch.probe(service)
    if answered is None:
        return service
    if answered:
        state = ServiceState.UNHEALTHY if service.refused else ServiceState.HEALTHY
        return replace(service, live=service.wanted, state=state, error=service.refused)
    if watch.silent_seconds >= HUNG_SECONDS:
        return _restarted(service, watch, f"its process did not answer GET / for {HUNG_SECONDS:.0f} s")
    if watch.silent_probes < MOST_SILENT_PROBES:
        return service
    return replace(service, state=ServiceState.UNHEALTHY, error="its process runs but does not answer GET /")


def _model(settings: DeploySettings) -> str:
    return f"model {settings.model_name}:{settings.model_version}"
