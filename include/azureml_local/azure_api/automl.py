"""AutoML's service (`jasmine`): an experiment that the SDK submits becomes a run of the engine.

The SDK asks for validation, creates the run, and starts it with a third request. Between the last two the engine does
not know the run yet; it is remembered here, and gets the id that the SDK was told.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.automl_settings import read_settings, readable_by_sdk, training_dataset_id
from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.datasets import engine_dataset
from azureml_local.azure_api.history import RunHistory
from azureml_local.azure_api.history.shapes import AUTOML_TYPE, automl_properties, document
from azureml_local.azure_api.surface import Surface
from azureml_local.store.runs import new_run_id
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import AutoMLSettings
from azureml_workspace.texts import shown

_DRAFT = "automl-draft"
"""Kind of document: what a run that was created and not started yet was asked for."""
_OF_A_STEP = "placeholder"
"""The id of the experiment when the SDK asks for a step of a pipeline that is being built."""


def routes(surface: Surface) -> list[Route]:
    """The routes below `/jasmine`, by the experiment's id."""
    service = _Service(surface)
    base = "/jasmine/experimentids/{experiment}"
    return [
        Route(f"{base}/validation", answering(service.validate), methods=["POST"]),
        Route(f"{base}/run", answering(service.create), methods=["POST"]),
        Route(f"{base}/runs/{{run}}/submitSnapshotRun", answering(service.start), methods=["POST"]),
        Route(f"{base}/cancelrun/{{run}}", answering(service.cancel), methods=["POST"]),
        Route(f"{base}/runs/{{run}}/changerunstatus/{{status}}", answering(service.change_status), methods=["POST"]),
    ]


class _Service:
    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._workspace = surface.workspace
        self._documents = surface.documents
        self._history = RunHistory(surface)

    def validate(self, request: Request, body: Any) -> Any:
        """No content when the run can work, else the reason: what the engine itself would refuse.

        A step's data is not in what the SDK sends here; it is looked at when the pipeline is published or submitted.
        """
        if request.path_params["experiment"] == _OF_A_STEP:
            return Response(status_code=204)
        try:
            self._checked(request, as_object(body))
        except (InvalidRequest, NotFound) as error:
            reason: dict[str, Any] = {"code": "UserError", "message": str(error), "innerError": None}
            return JSONResponse({"error": {**reason, "details": [{**reason, "details": []}]}})
        return Response(status_code=204)

    def create(self, request: Request, body: Any) -> Any:
        """The id of a new run, which waits for its start."""
        wanted = as_object(body)
        settings = self._checked(request, wanted)
        given = json.loads(wanted["amlSettingsJsonString"])
        run_id = new_run_id()
        properties = {
            **{name: str(value) for name, value in (wanted.get("properties") or {}).items()},
            **automl_properties(settings),
            "AMLSettingsJsonString": readable_by_sdk(given),
            "DataPrepJsonString": str(wanted["dataPrepJsonString"]),
        }
        self._documents.put(_DRAFT, run_id, settings.to_dict())
        self._history.make(
            document(
                run_id,
                experiment=settings.experiment_name,
                run_type=AUTOML_TYPE,
                status="NotStarted",
                created=datetime.now(UTC),
                target=settings.compute_target,
                properties=properties,
                tags=wanted.get("tags"),
            )
        )
        return run_id

    def start(self, request: Request, _: Any) -> Any:
        """Hand the run over to the engine; again, it changes nothing."""
        run_id = request.path_params["run"]
        made, draft = self._history.made(run_id), self._documents.find(_DRAFT, run_id)
        if made is not None and draft is not None and not self._is_handed_over(run_id):
            self._history.note(run_id, {"properties": made["properties"], "tags": made["tags"]})
            self._workspace.submit_automl(AutoMLSettings.from_dict(draft), run_id, run_id=run_id)
        elif not self._is_handed_over(run_id):
            raise Conflict(f"run {run_id!r} is {self._history.get(run_id)['status']} and cannot be started (any more).")
        self._history.forget(run_id)
        self._documents.delete(_DRAFT, run_id)
        return {"runId": run_id}

    def cancel(self, request: Request, _: Any) -> Any:
        """Ask for the run to stop."""
        run_id = request.path_params["run"]
        found = self._history.get(run_id, request.path_params["experiment"])
        if self._documents.find(_DRAFT, run_id) is not None and not self._is_handed_over(run_id):
            self._history.end(run_id, "Canceled")
            self._documents.delete(_DRAFT, run_id)
        elif found["properties"].get("runTemplate") == "automl_child":
            raise InvalidRequest("one trial cannot be cancelled by itself; cancel its AutoML run.")
        else:
            self._workspace.cancel_run(run_id)
        return Response(status_code=200)

    def change_status(self, request: Request, _: Any) -> Any:
        """End a run that the SDK could not start. When only the answer to that was lost, the run is cancelled."""
        run_id, status = request.path_params["run"], request.path_params["status"]
        if status != "failed":
            raise InvalidRequest(f"a run cannot be made {shown(status)}; only failed.")
        self._history.get(run_id, request.path_params["experiment"])
        if self._is_handed_over(run_id):
            self._workspace.cancel_run(run_id)
        else:
            self._history.end(run_id, "Failed")
            self._documents.delete(_DRAFT, run_id)
        return Response(status_code=200)

    def _is_handed_over(self, run_id: str) -> bool:
        try:
            self._workspace.runs.get(run_id)
        except NotFound:
            return False
        return True

    def _checked(self, request: Request, wanted: dict[str, Any]) -> AutoMLSettings:
        """:raises InvalidRequest: it cannot work. :raises NotFound: no such dataset, compute target or experiment."""
        experiment = self._history.experiments.get_by_id(request.path_params["experiment"])["name"]
        try:
            given = json.loads(wanted.get("amlSettingsJsonString") or "{}")
        except ValueError as error:
            raise InvalidRequest(f"amlSettingsJsonString is not JSON ({error}).") from error
        settings = read_settings(
            as_object(given),
            experiment=experiment,
            dataset=engine_dataset(self._surface, training_dataset_id(wanted.get("dataPrepJsonString"))),
            compute_target=str(wanted.get("target") or given.get("compute_target") or ""),
        )
        self._workspace.check_automl(settings)
        return settings
