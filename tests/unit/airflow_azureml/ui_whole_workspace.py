"""A workspace for the pages of the navigation: datasets, models, web services and documents that a test puts in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.unit.airflow_azureml.ui_workspace import NOW, PageWorkspace, a_result

from azureml_workspace.data.profile import ColumnProfile, DataProfile, NumberSummary, ValueCount
from azureml_workspace.errors import NotFound
from azureml_workspace.records import (
    AutoMLResult,
    ColumnSchema,
    DatasetVersion,
    Document,
    DocumentEntry,
    ModelVersion,
    PublishedPipeline,
    RequestSummary,
    ServiceKeys,
    WebService,
)
from azureml_workspace.statuses import ServiceState

PRIMARY_KEY, SECONDARY_KEY = "primary-key-of-the-service-0001", "secondary-key-of-the-service-01"


@dataclass
class WholeWorkspace(PageWorkspace):
    """`asked` counts what was asked for, by method."""

    models: list[ModelVersion] = field(default_factory=list)
    datasets: list[DatasetVersion] = field(default_factory=list)
    profiles: dict[int, DataProfile] = field(default_factory=dict)
    services: list[WebService] = field(default_factory=list)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, AutoMLResult] = field(default_factory=dict)
    count: int = 60
    asked: dict[str, int] = field(default_factory=dict)

    def _note(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1
        if self.trouble is not None:
            raise self.trouble

    def list_model_names(self) -> list[str]:
        self._note("list_model_names")
        return sorted({model.name for model in self.models})

    def list_model_versions(self, name: str) -> list[ModelVersion]:
        return [model for model in self.models if model.name == name]

    def automl_result(self, run_id: str) -> AutoMLResult:
        self._note("automl_result")
        if self.late is not None:
            raise self.late
        if run_id not in self.results:
            raise NotFound(f"there is no run {run_id!r}.")
        return self.results[run_id]

    def list_dataset_names(self) -> list[str]:
        self._note("list_dataset_names")
        return sorted({dataset.name for dataset in self.datasets})

    def list_dataset_versions(self, name: str) -> list[DatasetVersion]:
        return [dataset for dataset in self.datasets if dataset.name == name]

    def dataset_profile(self, name: str, version: int) -> DataProfile:
        self._note("dataset_profile")
        return self.profiles[version]

    def list_services(self) -> list[WebService]:
        self._note("list_services")
        return self.services

    def get_service(self, name: str) -> WebService:
        for service in self.services:
            if service.name == name:
                return service
        raise NotFound(f"there is no web service {name!r}.")

    def service_requests(self, name: str, *, since_seconds: float | None = None) -> RequestSummary:
        self._note("service_requests")
        return RequestSummary(
            service_name=name,
            enabled=True,
            since=NOW,
            count=self.count if since_seconds and since_seconds > 60 else 0,
            failed=2,
            rows=100,
            unseen_categories=0,
            mean_ms=1.5,
            p50_ms=1.25,
            p95_ms=2.5,
            p99_ms=3.75,
            by_status={"200": self.count - 2, "400": 2},
        )

    def service_logs(self, name: str, *, tail: int = 200) -> str:
        self._note("service_logs")
        return "the service's own words"

    def service_keys(self, name: str) -> ServiceKeys:
        self._note("service_keys")
        return ServiceKeys(primary=PRIMARY_KEY, secondary=SECONDARY_KEY)

    def list_pipelines(self, name: str | None = None) -> list[PublishedPipeline]:
        self._note("list_pipelines")
        return super().list_pipelines(name) if name is not None else self.pipelines

    def list_documents(self, prefix: str) -> list[DocumentEntry]:
        self._note("list_documents")
        paths = sorted(path for path in self.documents if path.startswith(f"{prefix}/"))
        return [DocumentEntry(path=path, etag=self._etag(path), updated_at=NOW) for path in paths]

    def read_document(self, path: str) -> Document:
        self._note("read_document")
        if path not in self.documents:
            raise NotFound(f"there is no document {path}.")
        return Document(path=path, etag=self._etag(path), updated_at=NOW, content=self.documents[path])

    def _etag(self, path: str) -> str:
        return hashlib.sha256(repr(self.documents[path]).encode()).hexdigest()


def a_model(version: int, **tags: str) -> ModelVersion:
    return ModelVersion(name="bank", version=version, run_id=f"AutoML_{version}", created_at=NOW, tags=tags)


def a_service(name: str = "bank-svc", **changes: Any) -> WebService:
    given: dict[str, Any] = {
        "name": name,
        "state": ServiceState.HEALTHY,
        "scoring_uri": "http://127.0.0.1:9/score",
        "swagger_uri": "http://127.0.0.1:9/swagger.json",
        "model_name": "bank",
        "model_version": 2,
        "auth_enabled": True,
        "app_insights_enabled": True,
        "response_format": "string",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return WebService(**(given | changes))


def a_dataset(version: int, *, name: str = "bank-data", column: str = "age", **tags: str) -> DatasetVersion:
    return DatasetVersion(
        name=name,
        version=version,
        fingerprint=f"sha256:{version:064x}",
        rows=1000 + version,
        columns=(ColumnSchema(name=column, kind="integer"), ColumnSchema(name="job", kind="string")),
        created_at=NOW,
        profile_uri="",
        tags=tags,
    )


def a_profile(*, column: str = "age", mean: float = 40.0, words: Mapping[str, int] | None = None) -> DataProfile:
    counted = words or {"clerk": 600, "cook": 400}
    quantiles = {level: mean + shift for level, shift in (("0.05", -20.0), ("0.25", -8.0), ("0.5", 0.0))}
    quantiles |= {"0.75": mean + 8.0, "0.95": mean + 20.0}
    numbers = NumberSummary(minimum=mean - 30, maximum=mean + 30, mean=mean, std=12.0, quantiles=quantiles)
    shared = {"nulls": 0, "constant": False, "id_like": False, "examples": ("1",)}
    return DataProfile(
        rows=1000,
        source_bytes=50_000,
        duplicate_rows=3,
        columns=(
            ColumnProfile(name=column, kind="integer", distinct=60, numbers=numbers, **shared),
            ColumnProfile(
                name="job",
                kind="string",
                distinct=len(counted),
                top_values=tuple(ValueCount(value=value, count=count) for value, count in counted.items()),
                **shared,
            ),
        ),
    )


def a_result_of(version: int, score: float) -> AutoMLResult:
    return replace(a_result(), run_id=f"AutoML_{version}", metrics={"AUC_weighted": score})
