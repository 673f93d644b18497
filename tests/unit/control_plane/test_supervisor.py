from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from azureml_local.paths import Home
from azureml_local.services import supervisor as module
from azureml_local.services.allocation import PortAllocator
from azureml_local.services.ports import PortRange
from azureml_local.services.supervision import Watch
from azureml_local.services.supervisor import Supervisor
from azureml_local.store.database import Database
from azureml_local.store.services import Deployment, ServiceStore, StoredService
from azureml_workspace.errors import StorageFull
from azureml_workspace.statuses import ServiceState

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def nothing(folder: Path) -> list[str]:
    return [sys.executable, "-S", "-c", "", str(folder)]


def test_one_service_in_trouble_stops_no_other_and_is_logged_once(
    home: Home, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = ServiceStore(database)
    for port, name in enumerate(("first", "second"), 8800):
        store.save(
            StoredService(
                name=name,
                host="127.0.0.1",
                port=port,
                generation=1,
                state=ServiceState.TRANSITIONING,
                wanted=Deployment(service_name=name, model_name="bank", model_version=1),
                created_at=NOW,
                updated_at=NOW,
                app_insights_enabled=False,
                tags={},
            )
        )
    supervisor = Supervisor(home, store, PortAllocator("127.0.0.1", PortRange(0, 0), store), nothing)

    def look(service: StoredService, watch: Watch) -> StoredService:
        if service.name == "first":
            raise StorageFull("full")
        return replace(service, state=ServiceState.HEALTHY)

    monkeypatch.setattr(module, "look_at", look)
    for _ in range(3):
        assert supervisor.step() < 1, "one service's trouble makes the others wait"
    second = store.find("second")
    assert second is not None
    assert second.state is ServiceState.HEALTHY
    assert caplog.text.count("StorageFull: full") == 1
