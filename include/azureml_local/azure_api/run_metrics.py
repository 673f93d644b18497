"""Metrics of runs, as Azure's metric service keeps them: the engine's figures, and what SDK scripts log themselves."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object, list_in
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.history import RunHistory
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import ChildRun

_KIND = "metrics of "
"""Begins the kind of document of a run's logged metrics: one for each batch of a metric's values, in their order."""
_SCALAR = "azureml.v1.scalar"


def routes(surface: Surface) -> list[Route]:
    """The routes below `/metric`."""
    metrics = RunMetrics(surface)

    def list_names(request: Request, _: Any) -> Any:
        found = metrics.of_run(request.path_params["run"])
        return _page([_definition(request.path_params["run"], metric) for metric in found.values()])

    def read(request: Request, body: Any) -> Any:
        name, run = str(as_object(body).get("metricName")), request.path_params["run"]
        found = metrics.of_run(run).get(name)
        if found is None:
            raise NotFound(f"run {run!r} has no metric {name!r}.")
        # Not every number is in JSON itself; Python, and so the SDK, writes and reads NaN all the same.
        content = json.dumps({**found, "continuationToken": None, "nextLink": None})
        return Response(content, media_type="application/json")

    def log(request: Request, body: Any) -> Any:
        metrics.log(request.path_params["run"], list_in(body, "values"))
        return {"errors": []}

    return [
        Route("/metric/runs/{run}/list", answering(list_names), methods=["POST"]),
        Route("/metric/runs/{run}/full", answering(read), methods=["POST"]),
        Route("/metric/runs/{run}/batch", answering(log), methods=["POST"]),
    ]


class RunMetrics:
    """Metrics by run and name."""

    def __init__(self, surface: Surface) -> None:
        self._history = RunHistory(surface)
        self._documents = surface.documents
        self._workspace = surface.workspace

    def of_run(self, run_id: str) -> dict[str, Document]:
        """Metrics as documents of the metric service, by name. :raises NotFound: no such run."""
        return self.of_runs([self._history.get(run_id)])[run_id]

    def of_runs(self, runs: Sequence[Document]) -> dict[str, dict[str, Document]]:
        """The same of many runs, by run id; the trials of an AutoML run are read once."""
        read: dict[str, dict[str, ChildRun]] = {}
        found: dict[str, dict[str, Document]] = {}
        for run in runs:
            logged = self._logged(run["runId"])
            figures = self._figures(run, read)
            found[run["runId"]] = {name: _scalar(run, name, value) for name, value in figures.items()} | logged
        return found

    def _figures(self, run: Document, read: dict[str, dict[str, ChildRun]]) -> dict[str, float]:
        """What the engine measured: of a trial its own, of a completed AutoML run those of its best trial.

        `read`: trials by AutoML run, as far as they were read already.
        """
        best = run["tags"].get("automl_best_child_run_id")
        trial_id = best or run["runId"]
        parent_id = run["runId"] if best else run["parentRunId"]
        if run["properties"].get("azureml.runsource") != "automl" or parent_id is None:
            return {}
        if parent_id not in read:
            read[parent_id] = self._trials(parent_id)
        metrics = read[parent_id][trial_id].metrics if trial_id in read[parent_id] else {}
        return {name: value for name, value in metrics.items() if math.isfinite(value)}

    def _trials(self, run_id: str) -> dict[str, ChildRun]:
        try:
            return {trial.run_id: trial for trial in self._workspace.runs.children(run_id)}
        except NotFound:  # the parent is a pipeline run
            return {}

    def log(self, run_id: str, values: list[Any]) -> None:
        """Add values to metrics, or new metrics. :raises NotFound: no such run."""
        self._history.get(run_id)
        if not all(map(_is_metric, values)):
            raise InvalidRequest("values are metrics, each with its name and a list of objects as its value.")
        for metric in values:
            # The same batch again, whose answer was lost, is known by its first value.
            first = next((str(value["metricId"]) for value in metric["value"] if value.get("metricId")), uuid.uuid4())
            document = {"name": metric["name"], "metric": json.dumps(metric)}
            self._documents.put(f"{_KIND}{run_id}", f"{metric['name']} {first}", document)

    def _logged(self, run_id: str) -> dict[str, Document]:
        """What scripts logged, by name: the last description of each, and all values."""
        found: dict[str, Document] = {}
        for document in self._documents.list_all(f"{_KIND}{run_id}"):
            metric = json.loads(document["metric"])
            values = found[document["name"]]["value"] if document["name"] in found else []
            values += metric["value"]
            found[document["name"]] = {**metric, "value": values}
        return found


def _is_metric(given: Any) -> bool:
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        return False
    values = given.get("value")
    return isinstance(values, list) and all(isinstance(value, dict) for value in values)


def _scalar(run: Mapping[str, Any], name: str, value: float) -> Document:
    moment, key = run["endTimeUtc"] or run["createdUtc"], f"{run['runId']}/{name}"
    return {
        "name": name,
        "dataContainerId": run["dataContainerId"],
        "columns": {name: "Double"},
        "properties": {"uxMetricType": _SCALAR},
        "namespace": None,
        "standardSchemaId": None,
        "value": [{"metricId": key, "createdUtc": moment, "step": 0, "data": {name: value}, "sasUri": None}],
    }


def _definition(run_id: str, metric: Mapping[str, Any]) -> Document:
    return {
        "metricKey": {"name": metric["name"], "namespace": None, "runId": run_id},
        "columns": metric.get("columns"),
        "properties": metric.get("properties"),
    }


def _page(values: list[Document]) -> Document:
    return {"value": values, "continuationToken": None, "nextLink": None}
