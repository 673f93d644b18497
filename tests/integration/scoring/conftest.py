from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.packages import build_package
from tests.integration.scoring.services import ServiceProcess

StartService = Callable[..., ServiceProcess]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model package of two classes, "no" and "yes"."""
    return build_package(tmp_path_factory.mktemp("models") / "1")


@pytest.fixture(scope="session")
def other_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A later version of the same model, with other class names, so that an answer tells which one gave it."""
    return build_package(tmp_path_factory.mktemp("models") / "2", classes=("stays", "leaves"), seed=2)


@pytest.fixture(scope="module")
def service(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running service that tests of one module share; they do not change its desired state."""
    running = ServiceProcess.prepare(tmp_path_factory.mktemp("service"), package).start()
    yield running
    running.stop()


@pytest.fixture
def prepare_service(package: Path, tmp_path: Path) -> Iterator[StartService]:
    """Makes services of the test's own, stopped at its end."""
    made: list[ServiceProcess] = []

    def prepare(model: Path = package, **settings: Any) -> ServiceProcess:
        service = ServiceProcess.prepare(tmp_path / f"service{len(made)}", model, **settings)
        made.append(service)
        return service

    yield prepare
    for service in made:
        service.kill()


@pytest.fixture
def start_service(prepare_service: StartService) -> StartService:
    """As `prepare_service`, started and Healthy."""

    def start(*args: Any, **settings: Any) -> ServiceProcess:
        return prepare_service(*args, **settings).start()

    return start
