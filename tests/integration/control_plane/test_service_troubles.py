"""The supervisor with real processes that crash, hang, or cannot start for a while."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.scoring.packages import build_package
from tests.local_server import eventually

from azureml_local.paths import Home
from azureml_local.services import supervision
from azureml_local.services.allocation import PortAllocator
from azureml_local.services.ports import PortRange
from azureml_local.services.process import answers
from azureml_local.services.supervisor import Supervisor
from azureml_local.store.database import Database
from azureml_local.store.services import Deployment, ServiceStore, StoredService
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.integration

NAME = "svc"
ANY_PORT = PortRange(0, 0)
FIRST = Deployment(service_name=NAME, model_name="bank", model_version=1)
CRASHING = replace(FIRST, model_version=2)

CRASH = """
import os, signal, sys
from azureml_local.scoring import follow, model, process
class Crashing(model.LoadedModel):
    def __init__(self, model_dir, name, version):
        if version == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        super().__init__(model_dir, name, version)
follow.LoadedModel = process.LoadedModel = Crashing
from pathlib import Path
sys.exit(process.run_service(Path(sys.argv[1])))
"""


def crashing_command(folder: Path) -> list[str]:
    """The real process, except that version 2 of the model kills it."""
    return [sys.executable, "-c", CRASH, str(folder)]


class Services:
    """One service under a supervisor of the test's own."""

    def __init__(self, home: Home, store: ServiceStore) -> None:
        self.store = store
        self.supervisor = Supervisor(home, store, PortAllocator("127.0.0.1", ANY_PORT, store), crashing_command)

    def add(self, port: int) -> None:
        """A new service, which has model version 1 to serve."""
        now = datetime.now(UTC)
        service = StoredService(
            name=NAME,
            host="127.0.0.1",
            port=port,
            generation=1,
            state=ServiceState.TRANSITIONING,
            wanted=FIRST,
            created_at=now,
            updated_at=now,
            app_insights_enabled=False,
            tags={},
        )
        self.supervisor.write_files(service)
        self.store.save(service)

    def get(self) -> StoredService:
        found = self.store.find(NAME)
        assert found is not None
        return found

    def reaches(self, state: ServiceState, text: str = "") -> StoredService:
        def look() -> StoredService | None:
            service = self.get()
            return service if service.state is state and text in service.error else None

        return eventually(look, what=f"{state.value} {text}")

    def ask(self, settings: Deployment) -> None:
        with self.supervisor.lock(NAME):
            self.supervisor.ask(replace(self.get(), wanted=settings, state=ServiceState.TRANSITIONING, error=""))

    @property
    def pid(self) -> int:
        running = self.supervisor.watch(NAME).process._process
        assert running is not None
        return running.identity.pid


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Services]:
    """A supervisor at work, with two versions of a model and no service yet."""
    home = Home(tmp_path / "home")
    home.create()
    for version in (1, 2):
        build_package(home.model("bank", version))
    database = Database(home.database)
    made = Services(home, ServiceStore(database))
    made.supervisor.start()
    try:
        yield made
    finally:
        made.supervisor.stop()
        made.supervisor.remove(NAME)
        database.close()


@pytest.fixture
def services(supervised: Services) -> Services:
    """A service that has model version 1 to serve, Healthy."""
    supervised.add(ANY_PORT.pick("127.0.0.1", ()))
    supervised.reaches(ServiceState.HEALTHY)
    return supervised


def test_an_update_that_crashes_the_process_leaves_the_service_up(services: Services) -> None:
    services.ask(CRASHING)
    refused = services.reaches(ServiceState.UNHEALTHY, "bank:2 was refused: the process died 2 times")
    assert "SIGSEGV" in refused.error
    eventually(lambda: answers(refused.host, refused.port), what="an answer of the old model")
    assert services.get().wanted == services.get().live == FIRST


def test_a_hung_process_is_replaced(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "HUNG_SECONDS", 1.0)
    monkeypatch.setattr(supervision, "PROBE_EVERY_SECONDS", 0.1)
    hung = services.pid
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: services.get().state is ServiceState.UNHEALTHY, what="the trouble to be seen")
    services.reaches(ServiceState.HEALTHY)
    assert services.pid != hung


def test_a_port_that_is_taken_for_a_while(services: Services) -> None:
    service = services.get()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with services.supervisor.lock(NAME):  # so that nothing is restarted before the port is taken
            os.kill(services.pid, signal.SIGKILL)
            eventually(lambda: _binds(other, service.port), what="the port to be free")
            other.listen()
        services.reaches(ServiceState.UNHEALTHY, "cannot listen on")
    services.reaches(ServiceState.HEALTHY)


def test_a_port_that_somebody_else_took_first_is_given_up_for_another(supervised: Services) -> None:
    """As when two servers of one machine give their services the same free port at the same moment."""
    with socket.socket() as quicker:
        quicker.bind(("127.0.0.1", 0))
        quicker.listen()
        taken = quicker.getsockname()[1]
        supervised.add(taken)
        moved = supervised.reaches(ServiceState.HEALTHY)
    assert moved.port != taken
    assert answers(moved.host, moved.port)


def _binds(other: socket.socket, port: int) -> bool:
    try:
        other.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
