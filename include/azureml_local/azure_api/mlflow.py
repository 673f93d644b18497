"""The part of MLflow's tracking API that reads runs: Azure ML workspaces answer it, and it gives all metrics at once.

https://mlflow.org/docs/latest/rest-api.html; the SDK does not use it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object, list_in
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.history import RunHistory
from azureml_local.azure_api.paging import page_of
from azureml_local.azure_api.run_metrics import RunMetrics
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

_API = "/mlflow/api/2.0/mlflow"
_PARENT = re.compile(r"""\s*tags\.[`"]?mlflow\.parentRunId[`"]?\s*=\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)")\s*""")
_PAGE = 1000
_STATUSES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED", "NotStarted": "SCHEDULED"}


def routes(surface: Surface) -> list[Route]:
    """Reading one run, and searching for the children of a run."""
    history, metrics = RunHistory(surface), RunMetrics(surface)

    def get(request: Request, _: Any) -> Any:
        run = history.get(request.query_params.get("run_id", ""))
        return {"run": _run(run, metrics.of_run(run["runId"]))}

    def search(_: Request, body: Any) -> Any:
        wanted = as_object(body)
        parent = _parent_of(str(wanted.get("filter") or ""))
        keys = [str(key) for key in list_in(wanted, "experiment_ids")]
        if parent is None:
            found = [run for key in keys for run in history.of_experiment(key)]
        else:
            found = [run for run in history.children(parent) if run["experimentId"] in keys]
        part, token = page_of(found, token=wanted.get("page_token"), size=wanted.get("max_results"), most=_PAGE)
        measured = metrics.of_runs(part)
        page: dict[str, Any] = {"runs": [_run(run, measured[run["runId"]]) for run in part]}
        return page | ({"next_page_token": token} if token is not None else {})

    return [
        Route(f"{_API}/runs/get", answering(get)),
        Route(f"{_API}/runs/search", answering(search), methods=["POST"]),
    ]


def _parent_of(text: str) -> str | None:
    """The run whose children the filter asks for; None: it asks for all. :raises InvalidRequest: another filter."""
    if not text.strip():
        return None
    found = _PARENT.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"filter {shown(text)}: only tags.mlflow.parentRunId = '<run>' is known here.")
    return found["single"] if found["single"] is not None else found["double"]


def _run(run: Document, metrics: Mapping[str, Document]) -> Document:
    tags = dict(run["tags"])
    if run["parentRunId"] is not None:
        tags["mlflow.parentRunId"] = run["parentRunId"]
    numbers = {name: found for name, found in metrics.items() if _is_number(found)}
    return {
        "info": {
            "run_id": run["runId"],
            "run_uuid": run["runId"],
            "experiment_id": run["experimentId"],
            "status": _STATUSES.get(run["status"], "RUNNING"),
            "start_time": _milliseconds(run["startTimeUtc"]),
            "end_time": _milliseconds(run["endTimeUtc"]),
            "lifecycle_stage": "active",
        },
        "data": {
            "metrics": [_metric(name, found) for name, found in numbers.items()],
            "tags": [{"key": name, "value": value} for name, value in tags.items()],
            "params": [],
        },
    }


def _is_number(metric: Mapping[str, Any]) -> bool:
    values = metric["value"]
    last = values[-1]["data"].get(metric["name"]) if values else None
    return isinstance(last, int | float) and math.isfinite(last)


def _metric(name: str, metric: Mapping[str, Any]) -> Document:
    """The last value."""
    last = metric["value"][-1]
    moment = _milliseconds(last.get("createdUtc"))
    return {"key": name, "value": last["data"][name], "timestamp": moment, "step": last.get("step") or 0}


def _milliseconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp() * 1000)
