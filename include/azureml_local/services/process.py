"""The process of one web service: started, taken up again, watched, and restarted when it dies."""

from __future__ import annotations

import http.client
import logging
import time
from collections.abc import Callable
from pathlib import Path

from azureml_local.files import tail_lines
from azureml_local.processes import ManagedProcess, ProcessIdentity, module_command
from azureml_local.scoring.config import LOG_FILE, STATUS_FILE, ServiceStatus, read_status
from azureml_local.services.ports import reachable_host
from azureml_workspace.errors import InvalidRequest

logger = logging.getLogger(__name__)

SCORING_MODULE = "azureml_local.scoring"
QUICK_DEATH_SECONDS = 10.0
MOST_QUICK_DEATHS = 5
_FIRST_BACKOFF_SECONDS = 0.2
_LONGEST_BACKOFF_SECONDS = 10.0
_STOP_SECONDS = 5.0
_END_SECONDS = 1.0
_LOG_LINES_SHOWN = 5
_PROBE_TIMEOUT_SECONDS = 1.0

ServiceCommand = Callable[[Path], list[str]]


def scoring_command(service_dir: Path) -> list[str]:
    """The command line of a web service's process."""
    return module_command(SCORING_MODULE, service_dir)


class ServiceProcess:
    """Changed only under the service's lock; `is_alive` and `status` may be asked without."""

    def __init__(self, folder: Path, command: ServiceCommand) -> None:
        self._folder = folder
        self._command = command
        self._process: ManagedProcess | None = None
        self._started_at = 0.0
        self._start_again_at = 0.0
        self._quick_deaths = 0
        self.deaths = 0
        """Since something else was to be run (`forgive`)."""
        self.last_death = ""

    def take_up(self, other: ProcessIdentity | None) -> bool:
        """Follow a process that an earlier server started: the one that wrote its status, or `other`."""
        for identity in (ProcessIdentity.read(self._folder / STATUS_FILE), other):
            if identity is not None and identity.is_alive():
                self._process = ManagedProcess(identity)
                self._started_at = time.monotonic()
                return True
        return False

    def is_alive(self) -> bool:
        """Whether it runs."""
        process = self._process
        return process is not None and process.is_alive

    @property
    def age_seconds(self) -> float:
        """How long it is followed."""
        return time.monotonic() - self._started_at

    @property
    def is_given_up(self) -> bool:
        """Whether it died so often, right after its start, that another start is pointless."""
        return self._quick_deaths >= MOST_QUICK_DEATHS

    def forgive(self) -> None:
        """Forget earlier deaths: something else is to be run."""
        self._quick_deaths = self.deaths = 0
        self._start_again_at = 0.0

    def note_death(self) -> None:
        """Take in that the process is gone, and decide when the next may start."""
        if self._process is not None:
            self._count_death(self._process.end_reason, quick=self.age_seconds < QUICK_DEATH_SECONDS)

    def end(self, reason: str, *, quick: bool) -> None:
        """End a process that is of no more use: a death for that reason. `quick`: it never served."""
        if self._process is not None:
            self._process.terminate(grace_seconds=_END_SECONDS)
            self._count_death(reason, quick=quick)

    def _count_death(self, reason: str, *, quick: bool) -> None:
        self.last_death = reason
        self.deaths += 1
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        backoff = min(_FIRST_BACKOFF_SECONDS * 2**self._quick_deaths, _LONGEST_BACKOFF_SECONDS)
        self._start_again_at = time.monotonic() + backoff
        self._process = None

    def last_words(self) -> str:
        """The end of the service's log, for an error message."""
        lines = tail_lines(self._folder / LOG_FILE, _LOG_LINES_SHOWN)
        return "; the last lines of its log: " + " | ".join(lines) if lines else "; its log is empty"

    def start_when_due(self) -> bool:
        """Start a process, unless it has to wait for its turn. One that cannot be started counts as a quick death."""
        if time.monotonic() < self._start_again_at:
            return False
        try:
            self._process = ManagedProcess.start(self._command(self._folder), self._folder / LOG_FILE, cwd=self._folder)
        except OSError as error:
            self._count_death(f"its process cannot be started: {error}", quick=True)
            return False
        self._started_at = time.monotonic()
        logger.info("service %s: process %d started", self._folder.name, self._process.identity.pid)
        return True

    def stop(self) -> None:
        """End the process, letting it answer what it has begun. Returns when it is gone."""
        if self._process is not None:
            self._process.terminate(grace_seconds=_STOP_SECONDS)
            self._process = None

    def status(self) -> ServiceStatus | None:
        """What this process (and no earlier one) said last."""
        try:
            status = read_status(self._folder)
        except InvalidRequest:
            logger.warning("service %s: %s makes no sense", self._folder.name, STATUS_FILE)
            return None
        process = self._process  # read once: callers without the lock ask too
        if status is None or process is None or status.pid != process.identity.pid:
            return None
        return status


def answers(host: str, port: int) -> bool:
    """Whether a service's health route answers 200."""
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=_PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
