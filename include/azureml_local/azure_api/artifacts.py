"""Artifacts: files of runs, and what the SDK uploads for models. The content itself is in Blob storage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from azureml_local.azure_api.automl_reports import (
    CONFUSION_MATRIX,
    VERIFIER_RESULTS,
    confusion_matrix,
    verifier_results,
)
from azureml_local.azure_api.bodies import answering, as_object, list_in
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.history import RunHistory
from azureml_local.azure_api.paging import page_of
from azureml_local.azure_api.run_artifacts import RUN_ORIGIN, run_of_container
from azureml_local.azure_api.storage import ARTIFACTS, Blob
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound

_PAGE = 1000
_OF_BEST_TRIAL = {
    "outputs/model.pkl": "outputs/model.pkl",
    "outputs/model.onnx": "outputs/model.onnx",
    "outputs/scoring_file_v_1_0_0.py": "outputs/scoring_file.py",
    "outputs/conda_env_v_1_0_0.yml": "outputs/conda_env.yml",
    "outputs/signature.json": "outputs/signature.json",
    "outputs/encoder.json": "outputs/encoder.json",
}
"""Files of the best trial under Azure's names, and what they are called among the files of its AutoML run."""


def routes(surface: Surface) -> list[Route]:
    """The routes below `/artifact`."""
    artifacts = Artifacts(surface)

    def list_all(request: Request, _: Any) -> Any:
        place = _Place(request)
        found = list(artifacts.list_all(place.origin, place.container, place.path))
        part, token = page_of(found, token=request.query_params.get("continuationToken"), size=None, most=_PAGE)
        values = [_artifact(place.origin, place.container, path, blob) for path, blob in part]
        return {"value": values, "continuationToken": token, "nextLink": None}

    def list_addresses(request: Request, _: Any) -> Any:
        place = _Place(request)
        found = artifacts.list_all(place.origin, place.container, place.path)
        values = [_content(place, path, surface.storage.read_url(ARTIFACTS, blob.name)) for path, blob in found]
        return {"value": values, "continuationToken": None, "nextLink": None}

    def address(request: Request, _: Any) -> Any:
        place = _Place(request)
        blob = artifacts.get(place.origin, place.container, place.path)
        return _content(place, place.path, surface.storage.read_url(ARTIFACTS, blob.name))

    def describe(request: Request, _: Any) -> Any:
        place = _Place(request)
        blob = artifacts.get(place.origin, place.container, place.path)
        return _artifact(place.origin, place.container, place.path, blob)

    def create(request: Request, body: Any) -> Any:
        place = _Place(request)
        paths = [str(as_object(wanted).get("path") or "") for wanted in list_in(body, "paths")]
        if not all(paths):
            raise InvalidRequest("every one of paths is an object with a path.")
        names = {path: _name(place.origin, place.container, path) for path in paths}
        return {
            "artifacts": {path: _artifact(place.origin, place.container, path, None) for path in paths},
            "artifactContentInformation": {
                path: _content(place, path, surface.storage.write_url(ARTIFACTS, name)) for path, name in names.items()
            },
            "errors": {},
        }

    base, place = "/artifact/artifacts", "{origin}/{container}"
    return [
        Route(f"{base}/batch/metadata/{place}", answering(create), methods=["POST"]),
        Route(f"{base}/contentinfo/{place}", answering(address)),
        Route(f"{base}/contentinfo/{place}/{{path:path}}", answering(address)),
        Route(f"{base}/metadata/{place}/{{path:path}}", answering(describe)),
        Route(f"{base}/prefix/contentinfo/{place}", answering(list_addresses)),
        Route(f"{base}/prefix/contentinfo/{place}/{{path:path}}", answering(list_addresses)),
        Route(f"{base}/{place}", answering(list_all)),
        Route(f"{base}/{place}/{{path:path}}", answering(list_all)),
    ]


class Artifacts:
    """Files by origin (`ExperimentRun`, `LocalUpload`), container (`dcid.<run>`) and path."""

    def __init__(self, surface: Surface) -> None:
        self._storage = surface.storage
        self._workspace = surface.workspace
        self._history = RunHistory(surface)

    def get(self, origin: str, container: str, path: str) -> Blob:
        """One file. :raises NotFound:"""
        shared = self._shared(origin, container)
        blob = self._storage.find(ARTIFACTS, shared.get(path) or _name(origin, container, path))
        if blob is None:
            raise NotFound(f"there is no artifact {path!r} in {origin}/{container}.")
        return blob

    def list_all(self, origin: str, container: str, prefix: str) -> Iterator[tuple[str, Blob]]:
        """Paths and files that are `prefix` or below it, by path."""
        shared = self._shared(origin, container)
        base = _name(origin, container, "")
        own = self._storage.list_from(ARTIFACTS, base)
        found = {blob.name.removeprefix(base): blob for blob in own}
        for path, name in shared.items():
            blob = self._storage.find(ARTIFACTS, name)
            if blob is not None:
                found[path] = blob
        folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        for path in sorted(found):
            if path == prefix.rstrip("/") or path.startswith(folder):
                yield path, found[path]

    def _shared(self, origin: str, container: str) -> dict[str, str]:
        """Files that the container shows and another one holds, by path; reports are made first, where they are due."""
        run = self._run_of(origin, container)
        if run is None or run["properties"].get("azureml.runsource") != "automl":
            return {}
        if run["tags"].get("automl_best_child_run_id"):
            folder = self._workspace.home.run(run["runId"])
            self._write_once(_name(origin, container, VERIFIER_RESULTS), verifier_results(folder))
            return {}
        parent = self._history.find(run["parentRunId"] or "")
        if parent is None or parent["tags"].get("automl_best_child_run_id") != run["runId"]:
            return {}
        folder = self._workspace.home.run(parent["runId"])
        self._write_once(_name(origin, container, CONFUSION_MATRIX), confusion_matrix(folder))
        of_parent = _name(origin, parent["dataContainerId"], "")
        return {path: of_parent + source for path, source in _OF_BEST_TRIAL.items()}

    def _run_of(self, origin: str, container: str) -> Document | None:
        if origin != RUN_ORIGIN:
            return None
        return self._history.find(run_of_container(container))

    def _write_once(self, name: str, content: Any) -> None:
        if content is None or self._storage.find(ARTIFACTS, name) is not None:
            return
        with tempfile.TemporaryDirectory(dir=self._workspace.home.temporaries) as folder:
            file = Path(folder) / "report.json"
            file.write_bytes(msgspec.json.encode(content))
            self._storage.add_file(ARTIFACTS, name, file)


class _Place:
    """What a request's path names; some clients put the last part into the query."""

    def __init__(self, request: Request) -> None:
        self.origin: str = request.path_params["origin"]
        self.container: str = request.path_params["container"]
        self.path: str = request.path_params.get("path") or request.query_params.get("path", "")


def _name(origin: str, container: str, path: str) -> str:
    """What an artifact is called in storage. :raises InvalidRequest: no path of a file."""
    if ".." in path.split("/"):
        raise InvalidRequest(f"artifact path {path!r} leads out of its container.")
    return f"{origin}/{container}/{path}"


def _artifact(origin: str, container: str, path: str, blob: Blob | None) -> Document:
    return {
        "artifactId": f"{origin}/{container}/{path}",
        "origin": origin,
        "container": container,
        "path": path,
        "etag": blob.etag if blob else None,
        "createdTime": blob.modified.isoformat() if blob else None,
        "dataPath": None,
        "tags": {},
    }


def _content(place: _Place, path: str, address: str) -> Document:
    return {
        "contentUri": address,
        "origin": place.origin,
        "container": place.container,
        "path": path,
        "tags": {},
    }
