"""A workspace in memory with documents, models and web services, which may die at any of its calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.records import DeploySettings, Document, ModelVersion, ServiceKeys, WebService
from azureml_workspace.statuses import ServiceState

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Died(BaseException):
    """The process was killed at this call."""


class MemoryWorkspace:
    """Deployments are under way for one look. `refused` versions never come up; `looks` run at each look."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[int, str]] = {}
        self.models: dict[tuple[str, int], dict[str, str]] = {}
        self.services: dict[str, WebService] = {}
        self.transitions: dict[str, WebService] = {}
        self.refused: set[int] = set()
        self.deployments: list[DeploySettings] = []
        self.rows: list[dict[str, Any]] = []
        self.writes = 0
        self.dies_before: int | None = None
        self.dies_after: int | None = None
        self.before_write: Callable[[str], None] = lambda _path: None
        self._lock = threading.RLock()

    # What may kill

    def _writing(self, act: Callable[[], Any]) -> Any:
        with self._lock:
            self.writes += 1
            if self.writes == self.dies_before:
                raise Died
            result = act()
            if self.writes == self.dies_after:
                raise Died
            return result

    def reopened(self, **_limits: float) -> MemoryWorkspace:
        return self

    # Documents

    def read_document(self, path: str) -> Document:
        with self._lock:
            if path not in self.documents:
                raise NotFound(f"no document {path}")
            number, text = self.documents[path]
            return Document(path=path, etag=str(number), updated_at=NOW, content=json.loads(text))

    def write_document(self, path: str, content: Mapping[str, Any], *, expected: str | None) -> Document:
        self.before_write(path)

        def write() -> Document:
            number, _ = self.documents.get(path, (0, ""))
            if expected is not None and number == 0:
                raise NotFound(f"no document {path}")
            if (expected or "0") != str(number):
                raise Conflict(f"{path} was changed")
            self.documents[path] = (number + 1, json.dumps(content))
            return self.read_document(path)

        written: Document = self._writing(write)
        return written

    # Models and services

    def get_model(self, name: str, version: int | None = None) -> ModelVersion:
        if (name, version) not in self.models:
            raise NotFound(f"no model {name} version {version}")
        tags = self.models[name, version or 0]
        return ModelVersion(name=name, version=version or 0, run_id="r", created_at=NOW, tags=tags)

    def take_rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        return self.rows[:count]

    def deploy(self, settings: DeploySettings) -> WebService:
        self.get_model(settings.model_name, settings.model_version)
        found: WebService = self._writing(lambda: self._deploy(settings))
        return found

    def _deploy(self, settings: DeploySettings) -> WebService:
        self.deployments.append(settings)
        before = self.services.get(settings.service_name)
        after = service_of(settings)
        if before is not None:
            insights = settings.app_insights_enabled
            after = replace(
                after,
                created_at=before.created_at,
                tags=settings.tags or before.tags,
                app_insights_enabled=before.app_insights_enabled if insights is None else insights,
            )
        if settings.model_version in self.refused:
            failed = replace(after, state=ServiceState.FAILED, error="it cannot be loaded")
            after = failed if before is None else replace(before, error="it cannot be loaded")
        self.transitions[settings.service_name] = after
        shown = replace(before or after, state=ServiceState.TRANSITIONING)
        self.services[settings.service_name] = shown
        return shown

    def get_service(self, name: str) -> WebService:
        if name not in self.services:
            raise NotFound(f"no service {name}")
        shown = self.services[name]
        if name in self.transitions:
            self.services[name] = self.transitions.pop(name)
        return shown

    def delete_service(self, name: str) -> None:
        self._writing(lambda: self.services.pop(name, None))

    def service_keys(self, name: str) -> ServiceKeys:
        return ServiceKeys(primary="p", secondary="s")


def service_of(settings: DeploySettings) -> WebService:
    return WebService(
        name=settings.service_name,
        state=ServiceState.HEALTHY,
        scoring_uri="http://127.0.0.1:9/score",
        swagger_uri="http://127.0.0.1:9/swagger.json",
        model_name=settings.model_name,
        model_version=settings.model_version,
        auth_enabled=settings.auth_enabled,
        app_insights_enabled=bool(settings.app_insights_enabled),
        response_format=settings.response_format,
        created_at=NOW,
        updated_at=NOW,
        cpu_cores=settings.cpu_cores,
        memory_gb=settings.memory_gb,
        collect_inputs=settings.collect_inputs,
        tags=settings.tags,
    )
