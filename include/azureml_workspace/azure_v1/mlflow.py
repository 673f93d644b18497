"""Metrics through MLflow's tracking API, which every Azure ML workspace answers.

https://learn.microsoft.com/azure/machine-learning/how-to-track-experiments-mlflow. Azure's own metric service wants two
requests for each metric of each run; here one gives all metrics of many runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.history import HistoryRun

_API = "/api/2.0/mlflow/runs"
_PAGE = 1000


def metrics_of_run(azure: AzureConnection, run_id: str) -> dict[str, float]:
    """The last value of every metric of a run. :raises NotFound:"""
    return _metrics(azure.json("GET", "mlflow", f"{_API}/get", query={"run_id": run_id})["run"])


def metrics_of_children(azure: AzureConnection, parent: HistoryRun) -> dict[str, dict[str, float]]:
    """The same for every child of a run, by id. A child that MLflow does not know (yet) is not in it."""
    wanted = {
        "experiment_ids": [parent.experiment_id],
        "filter": f"tags.mlflow.parentRunId = '{parent.run_id}'",
        "max_results": _PAGE,
    }
    found: dict[str, dict[str, float]] = {}
    token: str | None = None
    while True:
        body = wanted if token is None else {**wanted, "page_token": token}
        page = azure.json("POST", "mlflow", f"{_API}/search", body=body, repeatable=True) or {}
        for run in page.get("runs") or []:
            found[str(run["info"]["run_id"])] = _metrics(run)
        token = page.get("next_page_token")
        if not token:
            return found


def _metrics(run: Mapping[str, Any]) -> dict[str, float]:
    found = {str(metric["key"]): float(metric["value"]) for metric in run["data"].get("metrics") or []}
    return {name: value for name, value in found.items() if math.isfinite(value)}
