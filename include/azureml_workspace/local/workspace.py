"""`Workspace` answered by the local server. Each method is one request; the routes are in `docs/architecture.md`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from azureml_workspace.data.profile import DataProfile
from azureml_workspace.data.source_file import readable_file
from azureml_workspace.errors import NotFound
from azureml_workspace.local.answers import record, run_path
from azureml_workspace.local.client import ControlPlane
from azureml_workspace.local.credential import BearerToken
from azureml_workspace.local.documents import DocumentCalls
from azureml_workspace.local.pipelines import PipelineCalls
from azureml_workspace.records import (
    AutoMLProgress,
    AutoMLResult,
    AutoMLSettings,
    ChildRun,
    ComputeTarget,
    DatasetFile,
    DatasetSource,
    DatasetVersion,
    DeploySettings,
    InputSample,
    ModelVersion,
    RequestSummary,
    Run,
    ServiceKeys,
    WebService,
    validate_dataset_name,
    validate_model_name,
)
from azureml_workspace.segments import segment
from azureml_workspace.settings import WorkspaceSettings
from azureml_workspace.texts import require_encodable

_INGESTION_SECONDS = 900.0
"""The server types and profiles the whole file before it answers."""


def open_local(settings: WorkspaceSettings, on_secret: Callable[[str], None]) -> LocalWorkspace:
    """The adapter's entry in `azureml_workspace.connect.ADAPTERS`."""
    token = BearerToken(token=settings.token, token_file=settings.token_file, on_secret=on_secret)
    return LocalWorkspace(
        ControlPlane(
            settings.url,
            token,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            retry_seconds=settings.retry_seconds,
        )
    )


class LocalWorkspace(PipelineCalls, DocumentCalls):
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    def __repr__(self) -> str:
        return f"LocalWorkspace({self._server.url!r})"

    def ping(self) -> str:
        """Ask the server to describe itself, which needs a good token."""
        return str(self._get("/v1/workspace")["description"])

    def reopened(self, *, connect_timeout: float, read_timeout: float, retry_seconds: float) -> LocalWorkspace:
        """With the token that this one read."""
        limits = {"connect_timeout": connect_timeout, "read_timeout": read_timeout, "retry_seconds": retry_seconds}
        return LocalWorkspace(ControlPlane(self._server.url, self._server.token, **limits))

    # Datasets

    def register_dataset(
        self, name: str, source: DatasetSource, *, tags: Mapping[str, str] | None = None
    ) -> DatasetVersion:
        """Stream the file to the server; it is never held in memory."""
        path = readable_file(source.path)
        require_encodable(tags, "tags")  # `dumps` would hide it
        answer = self._server.json(
            "POST",
            f"/v1/datasets/{segment('dataset', name)}/versions",
            query={"separator": source.separator, "encoding": source.encoding, "tags": dumps(dict(tags or {}))},
            upload=lambda: path.open("rb"),
            read_timeout=_INGESTION_SECONDS,
        )
        return record(DatasetVersion, answer)

    def get_dataset(self, name: str, version: int | None = None) -> DatasetVersion:
        """Read one version."""
        return record(DatasetVersion, self._get(f"/v1/datasets/{segment('dataset', name)}", version=version))

    def take_rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        """Read the first rows."""
        rows = self._get(f"/v1/datasets/{segment('dataset', name)}/versions/{version}/rows", count=count)
        return [dict(row) for row in rows]

    def list_dataset_versions(self, name: str) -> list[DatasetVersion]:
        """Read all versions of one dataset."""
        validate_dataset_name(name)
        found = self._get(f"/v1/datasets/{name}/versions")
        return [record(DatasetVersion, version) for version in found]

    def list_dataset_names(self) -> list[str]:
        """Read all versions there are."""
        return sorted({str(version["name"]) for version in self._get("/v1/datasets")})

    def dataset_profile(self, name: str, version: int) -> DataProfile:
        """Read the profile of one version."""
        return record(DataProfile, self._get(f"/v1/datasets/{segment('dataset', name)}/versions/{version}/profile"))

    def download_dataset(self, name: str, version: int, folder: Path) -> DatasetFile:
        """Fetch the very bytes that were registered."""
        path = folder / f"{name}-{version}.csv"
        headers = self._server.download(f"/v1/datasets/{segment('dataset', name)}/versions/{version}/source", path)
        return DatasetFile(
            path=str(path),
            separator=unquote(headers["X-Dataset-Separator"]),
            encoding=unquote(headers["X-Dataset-Encoding"]),
        )

    # Compute and runs

    def ensure_compute(self, target: ComputeTarget) -> ComputeTarget:
        """Find or create the compute target."""
        path = f"/v1/computes/{segment('compute target', target.name)}"
        return record(ComputeTarget, self._server.json("PUT", path, body=target.to_dict()))

    def submit_automl(self, settings: AutoMLSettings, *, submission_key: str) -> Run:
        """Submit, or find the run of this key."""
        settings.validate()
        body = {"settings": settings.to_dict(), "submission_key": submission_key}
        return record(Run, self._server.json("POST", "/v1/automl-runs", body=body))

    def get_run(self, run_id: str) -> Run:
        """Read one run."""
        return record(Run, self._get(run_path(run_id)))

    def find_run(self, submission_key: str) -> Run | None:
        """Look for the run of a key."""
        found = self._get("/v1/runs", submission_key=submission_key)
        return record(Run, found[0]) if found else None

    def list_child_runs(self, run_id: str) -> list[ChildRun]:
        """Read the trials."""
        return [record(ChildRun, child) for child in self._get(f"{run_path(run_id)}/children")]

    def automl_progress(self, run_id: str) -> AutoMLProgress:
        """Read how far the run is."""
        return record(AutoMLProgress, self._get(f"{run_path(run_id)}/progress"))

    def automl_result(self, run_id: str) -> AutoMLResult:
        """Read what the run found."""
        return record(AutoMLResult, self._get(f"{run_path(run_id)}/result"))

    def cancel_run(self, run_id: str) -> Run:
        """Ask for the run to stop."""
        return record(Run, self._server.json("POST", f"{run_path(run_id)}/cancel"))

    def list_run_files(self, run_id: str) -> list[str]:
        """Read the paths of the run's files."""
        return [str(path) for path in self._get(f"{run_path(run_id)}/files")]

    def read_run_file(self, run_id: str, path: str) -> bytes:
        """Read one file of the run."""
        return self._server.call("GET", _run_file(run_id, path)).content

    def run_log(self, run_id: str, path: str, *, tail: int = 200) -> str:
        """Read the end of one log of the run."""
        return self._server.call("GET", _run_file(run_id, path), query={"tail": tail}).content.decode()

    # Models

    def register_model(self, name: str, run_id: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Register the run's best model, or find the version that it is."""
        body = {"run_id": run_id, "tags": dict(tags or {})}
        path = f"/v1/models/{segment('model', name)}/versions"
        return record(ModelVersion, self._server.json("POST", path, body=body))

    def get_model(self, name: str, version: int | None = None) -> ModelVersion:
        """Read one version."""
        return record(ModelVersion, self._get(f"/v1/models/{segment('model', name)}", version=version))

    def list_model_versions(self, name: str) -> list[ModelVersion]:
        """Read all versions of one model."""
        validate_model_name(name)
        found = self._get(f"/v1/models/{name}/versions")
        return [record(ModelVersion, version) for version in found]

    def list_model_names(self) -> list[str]:
        """Read all versions there are."""
        return sorted({str(version["name"]) for version in self._get("/v1/models")})

    # Web services

    def deploy(self, settings: DeploySettings) -> WebService:
        """Ask for the service to be created or updated."""
        settings.validate()
        return record(WebService, self._server.json("PUT", _service(settings.service_name), body=settings.to_dict()))

    def get_service(self, name: str) -> WebService:
        """Read one service."""
        return record(WebService, self._get(_service(name)))

    def list_services(self) -> Sequence[WebService]:
        """Read all services."""
        return [record(WebService, service) for service in self._get("/v1/services")]

    def delete_service(self, name: str) -> None:
        """Stop and remove the service."""
        try:
            self._server.call("DELETE", _service(name))
        except NotFound:
            return

    def set_app_insights(self, name: str, *, enabled: bool) -> WebService:
        """Switch request telemetry."""
        path = f"{_service(name)}/insights"
        return record(WebService, self._server.json("PUT", path, body={"enabled": enabled}))

    def service_logs(self, name: str, *, tail: int = 200) -> str:
        """Read the end of the service's log."""
        return str(self._get(f"{_service(name)}/logs", tail=tail)["text"])

    def service_requests(self, name: str, *, since_seconds: float | None = None) -> RequestSummary:
        """Read the telemetry summary."""
        return record(RequestSummary, self._get(f"{_service(name)}/requests", since_seconds=since_seconds))

    def service_inputs(self, name: str, *, since_seconds: float, limit: int = 2000) -> InputSample:
        """Read a sample of the inputs."""
        query = {"since_seconds": since_seconds, "limit": limit}
        return record(InputSample, self._get(f"{_service(name)}/inputs", **query))

    def service_keys(self, name: str) -> ServiceKeys:
        """Read both keys."""
        return record(ServiceKeys, self._server.json("POST", f"{_service(name)}/keys"))

    def regenerate_key(self, name: str, *, secondary: bool = False) -> ServiceKeys:
        """Replace one key."""
        path = f"{_service(name)}/keys/regenerate"
        return record(ServiceKeys, self._server.json("POST", path, body={"secondary": secondary}))


def _run_file(run_id: str, path: str) -> str:
    segments = path.split("/")
    # A dot segment would be folded away by the HTTP library and ask for another route altogether.
    if not all(segment.strip(".") for segment in segments):
        raise NotFound(f"run {run_id} has no file {path!r}; `list_run_files` lists those it has.")
    return f"{run_path(run_id)}/files/{'/'.join(quote(s, safe='') for s in segments)}"


def _service(name: str) -> str:
    return f"/v1/services/{segment('service', name)}"
