"""A switch that a running process does not follow is said, not passed over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from azureml_local.paths import Home
from azureml_local.scoring.config import ServiceStatus, read_config, read_keys, write_status
from azureml_local.services import manager
from azureml_local.services.manager import ServiceManager
from azureml_local.services.ports import PortRange
from azureml_local.services.process import ServiceProcess
from azureml_local.store.database import Database
from azureml_local.store.models import ModelStore
from azureml_local.store.services import Deployment, ServiceStore, StoredService
from azureml_workspace.errors import Conflict
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit

NAME = "svc"
WANTED = Deployment(service_name=NAME, model_name="bank", model_version=1)


def deaf(folder: Path) -> list[str]:
    """A process that follows nothing."""
    return [sys.executable, "-c", "import time; time.sleep(60)", str(folder)]


@pytest.fixture
def services(
    home: Home, database: Database, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServiceManager]:
    """One service in transition, whose process runs and says nothing."""
    monkeypatch.setattr(manager, "FOLLOW_SECONDS", 0.1)
    store, now = ServiceStore(database), datetime.now(UTC)
    made = ServiceManager(home, store, models, host="127.0.0.1", ports=PortRange(0, 0), command=deaf)
    service = StoredService(
        name=NAME,
        host="127.0.0.1",
        port=1,
        generation=1,
        state=ServiceState.TRANSITIONING,
        wanted=WANTED,
        created_at=now,
        updated_at=now,
        app_insights_enabled=False,
        tags={},
    )
    made._supervisor.write_files(service)
    store.save(service)
    process_of(made).start_when_due()
    yield made
    made.delete(NAME)


def process_of(services: ServiceManager) -> ServiceProcess:
    return services._supervisor.watch(NAME).process


def test_a_key_that_is_not_followed_is_said(services: ServiceManager, home: Home) -> None:
    old = services.keys(NAME)
    with pytest.raises(Conflict, match="the new key is stored, but its process does not follow"):
        services.regenerate_key(NAME, secondary=False)
    assert read_keys(home.service(NAME)).primary != old.primary


def test_an_insights_switch_that_is_not_followed_is_said(services: ServiceManager, home: Home) -> None:
    with pytest.raises(Conflict, match=r"the insights switch \(on\) is stored"):
        services.set_app_insights(NAME, enabled=True)
    assert read_config(home.service(NAME)).app_insights_enabled


def test_a_switch_need_not_wait_for_the_deployment(services: ServiceManager, home: Home) -> None:
    process = process_of(services)
    assert process.is_alive()
    running = process._process
    assert running is not None
    status = ServiceStatus(
        pid=running.identity.pid,
        pid_started=running.identity.pid_started,
        generation=1,
        state="Healthy",
        error="",
        model_version=1,
    )
    write_status(home.service(NAME), replace(status, switched_generation=2))
    assert services.regenerate_key(NAME, secondary=True) == read_keys(home.service(NAME))


def test_a_service_without_a_process_takes_the_switch_when_it_starts(services: ServiceManager) -> None:
    process_of(services).stop()
    assert services.set_app_insights(NAME, enabled=True).app_insights_enabled
