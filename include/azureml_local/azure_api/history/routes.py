"""Run history over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object, list_in
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.history.experiments import experiment_id
from azureml_local.azure_api.history.filters import parse_filter
from azureml_local.azure_api.history.runs import RunHistory
from azureml_local.azure_api.paging import page_of
from azureml_local.azure_api.run_artifacts import run_file_name
from azureml_local.azure_api.storage import ARTIFACTS, Storage
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, WorkspaceError

_OF_EXPERIMENT = ("/history/experiments/{name}", "/history/experimentids/{experiment}")
_PAGE = 500
_EVENT_PREFIX = "Microsoft.MachineLearning.Run."
_STATUS_OF_EVENT = {"Completed": "Completed", "Failed": "Failed", "Canceled": "Canceled"}


def routes(surface: Surface) -> list[Route]:
    """Experiments and runs, by the experiment's name or id, and across the workspace."""
    calls = _Calls(RunHistory(surface), surface.storage)
    wide = [
        Route("/history/experiments:query", answering(calls.list_experiments), methods=["POST"]),
        Route("/history/experiments/{name}", answering(calls.get_experiment)),
        Route("/history/experiments/{name}", answering(calls.create_experiment), methods=["POST"]),
        Route("/history/experimentids/{experiment}", answering(calls.get_experiment)),
        Route("/history/experimentids/{experiment}", answering(calls.change_experiment), methods=["PATCH"]),
        Route("/history/experimentids/{experiment}/tags:delete", answering(calls.untag_experiment), methods=["POST"]),
        Route("/history/computes/{target}/runs", answering(calls.list_on_compute)),
        Route("/history/runs/{run}", answering(calls.get_run)),
        Route("/history/runs/{run}/details", answering(calls.get_details)),
    ]
    return wide + [route for prefix in _OF_EXPERIMENT for route in _of_experiment(calls, prefix)]


def _of_experiment(calls: _Calls, prefix: str) -> list[Route]:
    run = f"{prefix}/runs/{{run}}"
    return [
        Route(f"{prefix}/runs:query", answering(calls.query), methods=["POST"]),
        Route(f"{prefix}/batch/runs", answering(calls.change_many), methods=["PATCH"]),
        Route(f"{prefix}/batch/events", answering(calls.take_events), methods=["POST"]),
        Route(run, answering(calls.get_run)),
        Route(run, answering(calls.change_run), methods=["PATCH"]),
        Route(f"{run}/details", answering(calls.get_details)),
        Route(f"{run}/children", answering(calls.list_children)),
        Route(f"{run}/tags", answering(calls.untag_run), methods=["DELETE"]),
        Route(f"{run}/events", answering(calls.take_event), methods=["POST"]),
        Route(f"{run}/metricsingest/wait", answering(_nothing)),
    ]


class _Calls:
    def __init__(self, history: RunHistory, storage: Storage) -> None:
        self._history = history
        self._storage = storage

    # Experiments

    def list_experiments(self, _: Request, body: Any) -> Any:
        """All experiments that fulfil the filter, archived ones only when they are asked for."""
        wanted = as_object(body)
        views = {"archivedonly": (True,), "all": (True, False)}
        shown = views.get(str(wanted.get("viewType")).lower(), (False,))
        found = self._history.experiments.list_all()
        return _page([item for item in found if (item["archivedTime"] is not None) in shown], wanted)

    def get_experiment(self, request: Request, _: Any) -> Any:
        """One experiment, by name or id."""
        return self._experiment(request)

    def create_experiment(self, request: Request, _: Any) -> Any:
        """The experiment of that name, made when there is none."""
        return self._history.experiments.ensure(request.path_params["name"])

    def change_experiment(self, request: Request, body: Any) -> Any:
        """Its tags, its description, its archive."""
        return self._history.experiments.change(request.path_params["experiment"], as_object(body))

    def untag_experiment(self, request: Request, body: Any) -> Any:
        """Without these tags."""
        self._history.experiments.remove_tags(request.path_params["experiment"], list_in(body, "tags"))
        return {"errors": {}}

    # Runs

    def query(self, request: Request, body: Any) -> Any:
        """The runs of an experiment that fulfil the filter."""
        wanted = as_object(body)
        experiment = self._experiment(request)["experimentId"]
        return _page(self._history.of_experiment(experiment, parse_filter(wanted.get("filter"))), wanted)

    def get_run(self, request: Request, _: Any) -> Any:
        """One run."""
        return self._run(request)

    def change_run(self, request: Request, body: Any) -> Any:
        """Write on a run, or make it."""
        experiment = self._experiment(request)
        return self._history.change(request.path_params["run"], experiment["name"], as_object(body))

    def change_many(self, request: Request, body: Any) -> Any:
        """The same for several runs at once."""
        name = self._experiment(request)["name"]
        runs, errors = {}, {}
        for wanted in map(as_object, list_in(body, "runs")):
            run_id = str(wanted.get("runId") or "")
            try:
                runs[run_id] = self._history.change(run_id, name, wanted)
            except WorkspaceError as error:
                errors[run_id] = {"error": {"code": "UserError", "message": str(error), "details": []}}
        return {"runs": runs, "errors": errors}

    def get_details(self, request: Request, _: Any) -> Any:
        """What `Run.get_details` shows."""
        run = self._run(request)
        base = run_file_name(run["runId"], "")
        names_of_logs = [blob.name for blob in self._storage.list_from(ARTIFACTS, base + "logs/")]
        logs = {name.removeprefix(base): self._storage.read_url(ARTIFACTS, name) for name in names_of_logs}
        names = ("runId", "target", "status", "startTimeUtc", "endTimeUtc", "error", "warnings", "properties")
        rest = {"runDefinition": run["runDefinition"], "services": {}, "logFiles": logs}
        return {**{name: run[name] for name in names}, **rest, "inputDatasets": [], "outputDatasets": []}

    def list_children(self, request: Request, _: Any) -> Any:
        """The runs below it."""
        return _page(self._history.children(self._run(request)["runId"]), _wanted(request))

    def list_on_compute(self, request: Request, _: Any) -> Any:
        """The runs on a compute target."""
        return _page(self._history.on_compute(request.path_params["target"]), _wanted(request))

    def untag_run(self, request: Request, body: Any) -> Any:
        """Without these tags."""
        if not isinstance(body, list):
            raise InvalidRequest("the body is not a list of tags.")
        return self._history.remove_tags(self._run(request)["runId"], body)

    def take_event(self, request: Request, body: Any) -> Any:
        """A script says how far its own run is."""
        self._take(self._run(request)["runId"], as_object(body))
        return Response(status_code=200)

    def take_events(self, _: Request, body: Any) -> Any:
        """The same for several runs at once."""
        for event in map(as_object, list_in(body, "events")):
            self._take(str(_field(as_object(event.get("data") or {}), "RunId")), event)
        return {"errors": []}

    def _take(self, run_id: str, event: Mapping[str, Any]) -> None:
        name, data = str(event.get("name", "")).removeprefix(_EVENT_PREFIX), as_object(event.get("data") or {})
        run = self._history.get(run_id)
        if name == "Start":
            started = {"status": "Running", "startTimeUtc": _field(data, "StartTime") or run["createdUtc"]}
            self._change_made(run, started)
        elif name == "Error":
            self._change_made(run, {"error": _field(data, "ErrorResponse")})
        elif name in _STATUS_OF_EVENT:
            self._history.end(run_id, _STATUS_OF_EVENT[name])

    def _change_made(self, run: Document, changes: Mapping[str, Any]) -> None:
        experiment = self._history.experiments.get_by_id(run["experimentId"])["name"]
        self._history.change(run["runId"], experiment, changes)

    def _experiment(self, request: Request) -> Document:
        name = request.path_params.get("name")
        if name is not None:
            return self._history.experiments.get(name)
        return self._history.experiments.get_by_id(request.path_params["experiment"])

    def _run(self, request: Request) -> Document:
        name, key = request.path_params.get("name"), request.path_params.get("experiment")
        return self._history.get(request.path_params["run"], key if name is None else experiment_id(name))


def _wanted(request: Request) -> dict[str, str]:
    """What a query asks for, named as in a body."""
    given = {name.removeprefix("$").lower(): value for name, value in request.query_params.items()}
    return {**given, "continuationToken": given.get("continuationtoken", "")}


def _page(found: Sequence[Document], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `found` that is wanted: `filter`, `orderby`, `top`, and from where the last page ended."""
    fulfils = parse_filter(wanted.get("filter"))
    chosen = _ordered([item for item in found if fulfils(item)], str(wanted.get("orderby") or ""))
    part, token = page_of(chosen, token=wanted.get("continuationToken"), size=wanted.get("top"), most=_PAGE)
    return {"value": part, "continuationToken": token, "nextLink": None}


def _ordered(found: list[Document], orderby: str) -> list[Document]:
    """By `StartTimeUtc desc` and the like; the SDK gives one field."""
    field, _, direction = orderby.partition(" ")
    if not field:
        return found
    name = field[0].lower() + field[1:]
    key: Callable[[Document], str] = lambda item: str(item.get(name) or "")  # noqa: E731
    return sorted(found, key=key, reverse=direction.strip().lower() == "desc")


def _field(data: Mapping[str, Any], name: str) -> Any:
    """Events spell their fields in more than one way."""
    return next((value for key, value in data.items() if key.lower() == name.lower()), None)


def _nothing(_: Request, __: Any) -> Any:
    return {}
