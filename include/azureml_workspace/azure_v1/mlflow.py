"""Metrics through MLflow's tracking API, which every Azure ML workspace answers.

https://learn.microsoft.com/azure/machine-learning/how-to-track-experiments-mlflow. Azure's own metric service wants two
requests for each metric of each run; here one gives all metrics of many runs. Azure does not say which filters its
search takes; a refusal is told in the log and means that there are no metrics.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.history import HistoryRun
from azureml_workspace.azure_v1.numbers import finite
from azureml_workspace.errors import InvalidRequest, NotFound

logger = logging.getLogger(__name__)

_API = "/api/2.0/mlflow/runs"
_PAGE = 1000


def metrics_of_run(azure: AzureConnection, run_id: str) -> dict[str, float]:
    """The last value of every metric of a run."""
    try:
        return _metrics(azure.json("GET", "mlflow", f"{_API}/get", query={"run_id": run_id})["run"])
    except (InvalidRequest, NotFound) as error:
        logger.warning("MLflow gives no metrics of run %s: %s", run_id, error)
        return {}


def metrics_of_children(azure: AzureConnection, parent: HistoryRun) -> dict[str, dict[str, float]]:
    """The same for every child of a run, by id. A child that MLflow does not know (yet) is not in it."""
    try:
        return {str(run["info"]["run_id"]): _metrics(run) for run in _children(azure, parent)}
    except (InvalidRequest, NotFound) as error:
        logger.warning("MLflow gives no metrics of the child runs of %s: %s", parent.run_id, error)
        return {}


def _children(azure: AzureConnection, parent: HistoryRun) -> Iterator[Mapping[str, Any]]:
    wanted = {
        "experiment_ids": [parent.experiment_id],
        "filter": f"tags.mlflow.parentRunId = '{parent.run_id}'",
        "max_results": _PAGE,
    }
    token: str | None = None
    while True:
        body = wanted if token is None else {**wanted, "page_token": token}
        page = azure.json("POST", "mlflow", f"{_API}/search", body=body, repeatable=True) or {}
        yield from page.get("runs") or []
        token = page.get("next_page_token")
        if not token:
            return


def _metrics(run: Mapping[str, Any]) -> dict[str, float]:
    found = {str(metric["key"]): finite(metric.get("value")) for metric in (run.get("data") or {}).get("metrics") or []}
    return {name: value for name, value in found.items() if value is not None}
