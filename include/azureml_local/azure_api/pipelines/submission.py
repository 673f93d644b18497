"""Submissions: of a published pipeline, of an endpoint's version, of a graph that nobody published."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from azureml_local.azure_api.bodies import as_object, read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.compiling import compile_graph, experiment_name
from azureml_local.azure_api.pipelines.endpoints import PipelineEndpoints
from azureml_local.azure_api.pipelines.entities import ACTIVE, entity
from azureml_local.azure_api.pipelines.graphs import (
    keep_graph,
    nodes_of,
    origin_of,
    parameters_of,
    remember_origin,
)
from azureml_local.azure_api.pipelines.wire import NewRun
from azureml_local.azure_api.surface import Surface
from azureml_local.pipelines.manager import Submitted
from azureml_local.pipelines.wire import read_submission
from azureml_local.store.pipeline_run_records import REGISTRATION_SCRIPT
from azureml_workspace.azure_v1.steps import SCRIPT
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import REGISTER_STEP, PipelineDefinition, PipelineSubmission, Run
from azureml_workspace.texts import shown

_UNSUBMITTED = "unsubmitted-pipeline-run"
_ASSIGNMENTS = "DataSetDefinitionValueAssignments"
SCHEDULE_ID = "azureml.scheduleid"
"""The property of a run that a schedule submitted."""


class Submissions:
    """Submits to the engine what clients post."""

    def __init__(self, surface: Surface, endpoints: PipelineEndpoints) -> None:
        self._surface = surface
        self._documents = surface.documents
        self._pipelines = surface.workspace.pipelines
        self._endpoints = endpoints

    def to_pipeline(self, pipeline_id: str, body: Mapping[str, Any], *, schedule_id: str | None = None) -> Run:
        """Run one published pipeline. :raises NotFound, Conflict, InvalidRequest: see `PipelineManager.submit`."""
        return self._pipelines.submit(pipeline_id, self._submitted(pipeline_id, body, schedule_id))

    def to_endpoint(
        self, endpoint_id: str, version: str | None, body: Mapping[str, Any], *, schedule_id: str | None = None
    ) -> Run:
        """Run one version of an endpoint, the default when none is named. :raises Conflict: it is disabled."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint["EntityStatus"] != ACTIVE:
            raise Conflict(f"pipeline endpoint {shown(endpoint['Name'])} is {endpoint['EntityStatus']}; enable it.")
        versions = {one["Version"]: one["PipelineId"] for one in endpoint["PipelineVersionList"]}
        wanted = version or endpoint["DefaultVersion"]
        if wanted not in versions:
            raise NotFound(f"pipeline endpoint {shown(endpoint['Name'])} has no version {shown(wanted)}.")
        return self.to_pipeline(versions[wanted], body, schedule_id=schedule_id)

    def create(self, body: Mapping[str, Any], experiment: str | None) -> Document:
        """A run of a graph, not yet submitted. :raises InvalidRequest: the engine cannot run the graph."""
        info = read(body, NewRun).creation_info or {}
        name = str(info.get("Description") or experiment or "pipeline")
        compiled = compile_graph(self._surface, body["Graph"], name=name, description=name)
        self._pipelines.check(compiled.definition)
        key = str(uuid.uuid4())
        chosen = info.get("RunHistoryExperimentName") or experiment or experiment_name(name)
        graph_id = keep_graph(self._documents, compiled.graph, body.get("GraphInterface") or {}, compiled.nodes)
        document = {
            **entity(key),
            "Description": name,
            "Status": {"StatusCode": "NotStarted", "StatusDetail": None},
            "GraphId": graph_id,
            "IsSubmitted": False,
            "RunHistoryExperimentName": chosen,
            "ParameterAssignments": {**parameters_of(self._documents, graph_id), **_assigned(info)},
            _ASSIGNMENTS: info.get(_ASSIGNMENTS) or {},
            "RunSource": info.get("RunSource") or "SDK",
            "TotalRunSteps": len(compiled.nodes),
            "tags": info.get("tags") or {},
            "Properties": info.get("Properties") or {},
            "Definition": compiled.definition.to_dict(),
        }
        self._documents.put(_UNSUBMITTED, key, document)
        return _shown(document)

    def find_unsubmitted(self, run_id: str) -> Document | None:
        """A run that was created and not submitted, or None."""
        document = self._documents.find(_UNSUBMITTED, run_id)
        return None if document is None else _shown(document)

    def submit(self, run_id: str) -> None:
        """Submit a run that was created; doing so again changes nothing. :raises NotFound: there is none."""
        document = self._documents.find(_UNSUBMITTED, run_id)
        if document is None:
            raise NotFound(f"there is no pipeline run {shown(run_id)} that could be submitted.")
        if self._pipelines.runs.find(run_id) is not None:
            return
        # The pipeline has the id of its only run, so that a repeat, at the same time or later, finds it.
        origin = {"GraphId": document["GraphId"], _ASSIGNMENTS: document[_ASSIGNMENTS]}
        remember_origin(self._documents, run_id, origin)
        kept = self._pipelines.published.keep(PipelineDefinition.from_dict(document["Definition"]), run_id)
        submitted = Submitted(
            submission=PipelineSubmission(
                experiment_name=document["RunHistoryExperimentName"], run_source=document["RunSource"]
            ),
            run_id=run_id,
            description=document["Description"],
            tags=document["tags"],
            properties={**document["Properties"], **self._registration(kept.pipeline_id)},
        )
        self._pipelines.submit(kept.pipeline_id, submitted)

    def _submitted(self, pipeline_id: str, body: Mapping[str, Any], schedule_id: str | None) -> Submitted:
        """:raises InvalidRequest: something in it is not of this pipeline."""
        origin = origin_of(self._documents, pipeline_id)
        submitted = read_submission(msgspec.json.encode(as_object(body)))
        if schedule_id is not None:
            submitted = replace(submitted, properties={**submitted.properties, SCHEDULE_ID: schedule_id})
        if origin is None:
            return submitted
        submitted = replace(submitted, properties={**submitted.properties, **self._registration(pipeline_id)})
        # Nothing that the engine runs reads a parameter of the graph: AutoML's settings are in its step.
        _require_known(submitted.submission.parameters, parameters_of(self._documents, origin["GraphId"]))
        return replace(submitted, submission=replace(submitted.submission, parameters={}))

    def _registration(self, pipeline_id: str) -> dict[str, str]:
        """What is noted on a run in which the engine does the work of the registration's script."""
        node = nodes_of(self._documents, pipeline_id).get(REGISTER_STEP)
        return {} if node is None else {REGISTRATION_SCRIPT: f"{SCRIPT} of step {node.name}"}


def _assigned(info: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in (info.get("ParameterAssignments") or {}).items()}


def _require_known(given: Iterable[str], known: Iterable[str]) -> None:
    """:raises InvalidRequest: a parameter that the pipeline does not have."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InvalidRequest(
            f"the pipeline has no parameter {shown(unknown[0])}; it has {', '.join(sorted(known)) or 'none'}."
        )


def _shown(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "Definition"}
