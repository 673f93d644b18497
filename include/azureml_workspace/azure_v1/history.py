"""Run history: Azure's record of every run, read and written with short requests."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azureml_workspace.azure_v1.best_child import best_child
from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.times import moment
from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable
from azureml_workspace.segments import segment
from azureml_workspace.statuses import RunStatus

_BEFORE_RUNNING = {"Starting": RunStatus.PREPARING, "Provisioning": RunStatus.PREPARING}
"""Statuses of Azure that the seam has no name for."""
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class HistoryRun:
    """One run as run history describes it. `kind` is Azure's run type, such as `automl`, and `name` that of a step."""

    run_id: str
    experiment_id: str
    kind: str
    status: RunStatus
    created: datetime
    started: datetime | None
    ended: datetime | None
    parent_run_id: str | None
    error: str
    name: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class RunHistory:
    """The runs of one workspace. An experiment's name is looked up once: run history gives its id with a run."""

    def __init__(self, azure: AzureConnection) -> None:
        self._azure = azure
        self._names: dict[str, str] = {}

    def get(self, run_id: str) -> HistoryRun:
        """One run, whatever experiment it is of. :raises NotFound:"""
        return _run(self._call("GET", f"/runs/{segment('run', run_id)}"))

    def find(self, run_id: str) -> HistoryRun | None:
        """Like `get`; None when there is no such run."""
        try:
            return self.get(run_id)
        except NotFound:
            return None

    def children(self, run: HistoryRun) -> list[HistoryRun]:
        """The runs directly below it."""
        path = f"{self._of_experiment(run)}/runs/{segment('run', run.run_id)}/children"
        found: list[HistoryRun] = []
        token: str | None = None
        while True:
            page = self._call("GET", path, query={"$top": _PAGE, "$continuationToken": token})
            found += [_run(item) for item in page["value"]]
            token = page.get("continuationToken")
            if not token:
                return found

    def best_child(self, run: HistoryRun) -> str | None:
        """The id of the child that has the model, None when the run has none (yet)."""
        return best_child(
            status=run.status,
            tags=run.tags,
            properties=run.properties,
            scores=lambda: ((child.run_id, child.properties.get("score")) for child in self.children(run)),
        )

    def with_property(self, experiment: str, name: str, value: str) -> list[HistoryRun]:
        """The runs of an experiment (its name) that have this property; none when there is no such experiment."""
        path = f"/experiments/{segment('experiment', experiment)}/runs:query"
        body = {"filter": f'(Properties/{name} eq "{value}")', "top": _PAGE}
        try:
            page = self._call("POST", path, body=body, repeatable=True)
        except NotFound:
            return []
        return [_run(item) for item in page["value"]]

    def write(self, experiment: str, run_id: str, changes: Mapping[str, Any]) -> HistoryRun:
        """Write on a run, or make it. Properties never change once they are there, tags do."""
        path = f"/experiments/{segment('experiment', experiment)}"
        body = {"runId": run_id, **changes}
        try:
            return _run(self._call("PATCH", f"{path}/runs/{segment('run', run_id)}", body=body, repeatable=True))
        except NotFound:
            with suppress(Conflict):  # somebody else made the experiment just now
                self._call("POST", path, body={}, repeatable=True)
        return _run(self._call("PATCH", f"{path}/runs/{segment('run', run_id)}", body=body, repeatable=True))

    def experiment_name(self, run: HistoryRun) -> str:
        """The name of the experiment that the run is of."""
        key = run.experiment_id
        if key not in self._names:
            self._names[key] = str(self._call("GET", f"/experimentids/{segment('experiment', key)}")["name"])
        return self._names[key]

    def _of_experiment(self, run: HistoryRun) -> str:
        return f"/experiments/{segment('experiment', self.experiment_name(run))}"

    def _call(self, method: str, path: str, **request: Any) -> Any:
        return self._azure.json(method, "history", path, **request)


def _run(found: Mapping[str, Any]) -> HistoryRun:
    try:
        status = str(found["status"])
        return HistoryRun(
            run_id=str(found["runId"]),
            experiment_id=str(found["experimentId"]),
            kind=str(found.get("runType") or ""),
            status=_BEFORE_RUNNING.get(status) or RunStatus.parse(status),
            created=moment(found["createdUtc"]),
            started=_moment(found.get("startTimeUtc")),
            ended=_moment(found.get("endTimeUtc")),
            parent_run_id=found.get("parentRunId") or None,
            error=_error(found.get("error")),
            name=str(found.get("name") or found.get("displayName") or ""),
            properties=_texts(found.get("properties")),
            tags=_texts(found.get("tags")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceUnavailable(f"run history described a run without a good {error}.") from error


def _texts(found: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (found or {}).items() if value is not None}


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None


def _error(found: Mapping[str, Any] | None) -> str:
    """Azure's words; the code alone when it says no more."""
    error = (found or {}).get("error") or {}
    return str(error.get("message") or error.get("code") or "").strip()
