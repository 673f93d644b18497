"""The supervisor: one thread that keeps every web service as it was asked for.

Services go on without it; the next server's supervisor takes them up (`_take_up`).
"""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from azureml_local.background import BackgroundLoop
from azureml_local.files import remove_tree, sweep_temporaries
from azureml_local.paths import Home
from azureml_local.processes import find_workers
from azureml_local.scoring.config import read_config, read_keys, write_config, write_keys
from azureml_local.services.allocation import PortAllocator
from azureml_local.services.process import SCORING_MODULE, ServiceCommand, ServiceProcess
from azureml_local.services.records import service_config
from azureml_local.services.supervision import Watch, look_at, never_got_its_port
from azureml_local.store.services import ServiceStore, StoredService
from azureml_local.troubles import TroubleLog
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import Conflict, InvalidRequest
from azureml_workspace.records import ServiceKeys
from azureml_workspace.statuses import ServiceState

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2


class Supervisor:
    """Owns the processes of the web services. Whoever changes a service holds its lock (`lock`)."""

    def __init__(self, home: Home, store: ServiceStore, ports: PortAllocator, command: ServiceCommand) -> None:
        self._home = home
        self._store = store
        self._ports = ports
        self._command = command
        self._watches: dict[str, Watch] = {}
        self._troubles = TroubleLog(logger)
        self._locks: dict[str, threading.RLock] = {}
        self._guard = threading.Lock()
        self._loop = BackgroundLoop("supervisor", self.step, self._troubles)

    def start(self) -> None:
        """Take up the services that still run, start again those that do not, and go on in the background."""
        self._take_up()
        self._loop.start()

    def stop(self) -> None:
        """Stop looking after the services. Their processes go on."""
        self._loop.stop()

    def wake(self) -> None:
        """Look at the services now: something was asked for."""
        self._loop.wake()

    def lock(self, name: str) -> threading.RLock:
        """The lock of one service."""
        with self._guard:
            return self._locks.setdefault(name, threading.RLock())

    def watch(self, name: str) -> Watch:
        """What is known of the service's process."""
        with self._guard:
            if name not in self._watches:
                self._watches[name] = Watch(ServiceProcess(self._home.service(name), self._command))
            return self._watches[name]

    def ask(self, service: StoredService) -> StoredService:
        """Ask the process for the service as given, as its next generation; gives the service with that.

        The file first: what the disk does not hold is not remembered either.

        :raises StorageFull:
        """
        service = replace(service, generation=service.generation + 1, updated_at=datetime.now(UTC))
        self.write_files(service)
        self._store.save(service)
        self.watch(service.name).expect_answer()
        return service

    def write_files(self, service: StoredService) -> None:
        """Write `service.json`, and keys when there are none yet. :raises StorageFull:"""
        folder = self._home.service(service.name)
        with no_room_as_storage_full("the service"):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                read_keys(folder)
            except InvalidRequest:
                write_keys(folder, ServiceKeys(primary=new_key(), secondary=new_key()))
            write_config(folder, service_config(self._home, service))

    def remove(self, name: str) -> None:
        """End the process of a service that is remembered no more, and remove its folder."""
        self.watch(name).process.stop()
        with self._guard:
            del self._watches[name]
        remove_tree(self._home.service(name))

    def step(self) -> float:
        """Look at every service once; gives the seconds until the next look."""
        for name in [service.name for service in self._store.list_all()]:
            self._troubles.attempt(f"service {name}", partial(self._look_at, name))
        return POLL_SECONDS

    def _look_at(self, name: str) -> None:
        with self.lock(name):
            service = self._store.find(name)
            if service is not None:
                self._keep(service)

    def _keep(self, service: StoredService) -> None:
        watch = self.watch(service.name)
        if never_got_its_port(service, watch):
            self._move(service, watch)
            return
        now = look_at(service, watch)
        if now == service:
            return
        if now.generation != service.generation:
            write_config(self._home.service(now.name), service_config(self._home, now))
        self._store.save(replace(now, updated_at=datetime.now(UTC)))
        if now.state is not service.state:
            logger.info("service %s: %s -> %s %s", now.name, service.state.value, now.state.value, now.error)

    def _move(self, service: StoredService, watch: Watch) -> None:
        """Give the service another port, on which its next process will listen."""
        watch.process.end(f"{service.host}:{service.port} was taken", quick=True)
        try:
            with self._ports.giving:
                moved = self.ask(replace(service, port=self._ports.free()))
        except Conflict as error:
            self._store.save(replace(service, state=ServiceState.FAILED, error=str(error)))
        else:
            logger.info("service %s: port %d was taken, moved to %d", service.name, service.port, moved.port)

    def _take_up(self) -> None:
        services = self._store.list_all()
        workers = find_workers(SCORING_MODULE, self._home.services)
        known = {service.name for service in services}
        for folder in {*self._home.services.iterdir(), *workers}:
            if folder.name not in known:
                logger.warning("removing %s: no service of that name is known", folder)
                self.watch(folder.name).process.take_up(workers.get(folder))
                self.remove(folder.name)
        for service in services:
            worker = workers.get(self._home.service(service.name))
            alive = self.watch(service.name).process.take_up(worker)
            if not alive:
                sweep_temporaries(self._home.service(service.name))
            logger.info("service %s: %s", service.name, "its process still runs" if alive else "its process is gone")
            never_served = service.state is ServiceState.FAILED and service.live is None
            if alive or never_served:
                self._write_again(service)
            else:
                self._write_again(replace(service, state=ServiceState.TRANSITIONING, error=""))

    def _write_again(self, service: StoredService) -> None:
        """Make the files say what the database says; a server may have been killed between the two."""
        try:
            found = read_config(self._home.service(service.name))
        except InvalidRequest:
            found = None
        if found != service_config(self._home, service):
            generation = max(service.generation, found.generation if found else 0) + 1
            service = replace(service, generation=generation)
            self.write_files(service)
        self._store.save(service)


def new_key() -> str:
    """A key of a web service: 32 characters, as on Azure, with 128 random bits."""
    return secrets.token_hex(16)
