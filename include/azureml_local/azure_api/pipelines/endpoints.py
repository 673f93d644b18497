"""Pipeline endpoints: a name, a stable address, and the version of a pipeline that it submits.

The engine gives every name of pipelines an endpoint of its own, whose versions are all pipelines of that name. An
endpoint of the SDK has the versions that somebody put there, of pipelines of any name. When both have the same name
they are one: it has the engine's id and the engine's default, and what was published natively is among its versions.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object, read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.pipelines.entities import entity, is_wanted, read_status
from azureml_local.azure_api.pipelines.graphs import origin_of
from azureml_local.azure_api.pipelines.published import pipeline_entity
from azureml_local.azure_api.pipelines.wire import ChangedEndpoint, EndpointVersion
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import PublishedPipeline
from azureml_workspace.texts import shown

_KIND = "pipeline-endpoint"
_FIRST = "0"
"""The number of an endpoint's first version, as on Azure."""


def routes(surface: Surface) -> list[Route]:
    """`PipelineEndpoints`."""
    endpoints = PipelineEndpoints(surface)

    def create(_: Request, body: Any) -> Document:
        return endpoints.create(as_object(body))

    def read_all(request: Request) -> Response:
        active_only = request.query_params.get("activeOnly")
        return JSONResponse([one for one in endpoints.list_all() if is_wanted(active_only, one["EntityStatus"])])

    def read_by_name(request: Request) -> Response:
        query = {name.lower(): value for name, value in request.query_params.items()}
        return JSONResponse(endpoints.find(query.get("name", "")))

    def read(request: Request) -> Response:
        return JSONResponse(endpoints.get(request.path_params["id"]))

    def change(request: Request, body: Any) -> Document:
        return endpoints.change(request.path_params["id"], body)

    def read_pipelines(request: Request) -> Response:
        active_only = request.query_params.get("activeOnly")
        versions = endpoints.get(request.path_params["id"])["PipelineVersionList"]
        published = surface.workspace.pipelines.published
        found = [published.get(version["PipelineId"]) for version in versions]
        wanted = [pipeline for pipeline in found if is_wanted(active_only, pipeline.status)]
        return JSONResponse([pipeline_entity(surface, pipeline) for pipeline in wanted])

    return [
        Route("/pipelines/PipelineEndpoints", read_all),
        Route("/pipelines/PipelineEndpoints/Create", answering(create), methods=["POST"]),
        Route("/pipelines/PipelineEndpoints/Name", read_by_name),
        Route("/pipelines/PipelineEndpoints/Id/{id}", read),
        Route("/pipelines/PipelineEndpoints/{id}", answering(change), methods=["PUT"]),
        Route("/pipelines/PipelineEndpoints/{id}/pipelines", read_pipelines),
    ]


class PipelineEndpoints:
    """The endpoints of the workspace as Azure's entities."""

    def __init__(self, surface: Surface) -> None:
        self._addresses = surface.addresses
        self._documents = surface.documents
        self._published = surface.workspace.pipelines.published

    def list_all(self) -> list[Document]:
        """All of them, by name."""
        names = {document["Name"] for document in self._documents.list_all(_KIND)}
        names |= {pipeline.name for pipeline in self._published.list_all() if self._is_native(pipeline)}
        return [self.find(name) for name in sorted(names)]

    def get(self, key: str) -> Document:
        """:raises NotFound:"""
        name = next((one["Name"] for one in self._documents.list_all(_KIND) if one["Id"] == key), None)
        return self.find(self._published.default_of(key).name if name is None else name)

    def find(self, name: str) -> Document:
        """:raises NotFound:"""
        document = self._documents.find(_KIND, name)
        engine = [pipeline for pipeline in self._published.list_all(name) if name]
        versions = _with_native(document, [pipeline for pipeline in engine if self._is_native(pipeline)])
        if document is None and not versions:
            raise NotFound(f"there is no pipeline endpoint {shown(name)}.")
        document = document or {**entity(_engine_id(engine[0])), "Name": name, "Description": "", "DefaultVersion": ""}
        kept = {field: value for field, value in document.items() if field != "Versions"}
        return {
            "Properties": {},
            "tags": {},
            "SwaggerUrl": None,
            **kept,
            "DefaultVersion": _default(document["DefaultVersion"], versions, engine),
            "PipelineVersionList": [{"Version": one, "PipelineId": pipeline} for one, pipeline in versions.items()],
            "Url": f"{self._addresses.service('pipelines')}/PipelineRuns/PipelineEndpointSubmit/Id/{document['Id']}",
        }

    def create(self, body: Mapping[str, Any]) -> Document:
        """:raises InvalidRequest: no name. :raises NotFound: no such pipeline.

        :raises Conflict: the name is taken, or the pipeline is of the same name and disabled.
        """
        name, pipeline = str(body.get("Name") or ""), self._published.get(str(body.get("PipelineId")))
        if not name.strip():
            raise InvalidRequest("Name of the pipeline endpoint is empty; give it a name.")
        engine = self._published.list_all(name)
        is_native = any(self._is_native(one) for one in engine)
        key = _engine_id(engine[0]) if engine else str(uuid.uuid4())
        document = {
            **entity(key),
            "Name": name,
            "Description": str(body.get("Description") or ""),
            "Properties": body.get("Properties") or {},
            "Versions": {_FIRST: pipeline.pipeline_id},
            "DefaultVersion": _FIRST,
        }

        def made(before: Document | None) -> Document:
            if before is not None or is_native:
                raise Conflict(f"there is a pipeline endpoint {shown(name)} already; add the pipeline to that.")
            self._pass_on_default(document)  # before the endpoint is there: it may be refused
            return document

        self._documents.change(_KIND, name, made)
        return self.find(name)

    def change(self, key: str, body: Any) -> Document:
        """Replace what is said of an endpoint. :raises NotFound: no such endpoint, or no such pipeline."""
        before, wanted = self.get(key), read(body, ChangedEndpoint)
        name = wanted.name or before["Name"]
        if name != before["Name"]:
            raise InvalidRequest(f"pipeline endpoint {shown(before['Name'])} cannot be renamed; create another.")
        listed = wanted.pipeline_version_list or read(before["PipelineVersionList"], list[EndpointVersion])
        versions = {str(one.version): self._published.get(one.pipeline_id).pipeline_id for one in listed}
        default = before["DefaultVersion"] if wanted.default_version is None else str(wanted.default_version)
        if default not in versions:
            raise InvalidRequest(f"DefaultVersion is {shown(default)}; this endpoint has {', '.join(versions)}.")
        status = before["EntityStatus"] if wanted.entity_status is None else read_status(wanted.entity_status)
        document = {
            **{field: before[field] for field in ("Id", "Etag", "CreatedDate", "LastModifiedDate", "Properties")},
            "Name": name,
            "Description": wanted.description or "",
            "EntityStatus": status,
            "Versions": versions,
            "DefaultVersion": default,
        }
        if default != before["DefaultVersion"]:
            self._pass_on_default(document)
        self._documents.put(_KIND, name, document)
        return self.find(name)

    def _pass_on_default(self, document: Document) -> None:
        """Make the engine's endpoint of that name submit the same. :raises Conflict: the pipeline is disabled."""
        pipeline = self._published.get(document["Versions"][document["DefaultVersion"]])
        if pipeline.name == document["Name"]:
            self._published.set_default(pipeline.pipeline_id)

    def _is_native(self, pipeline: PublishedPipeline) -> bool:
        return origin_of(self._documents, pipeline.pipeline_id) is None


def _default(kept: str, versions: Mapping[str, str], engine: list[PublishedPipeline]) -> str:
    """The engine's default, unless the endpoint was told to submit a pipeline of another name."""
    if kept in versions and versions[kept] not in [pipeline.pipeline_id for pipeline in engine]:
        return kept
    of_engine = next((pipeline.pipeline_id for pipeline in engine if pipeline.is_default), None)
    return next((version for version, pipeline_id in versions.items() if pipeline_id == of_engine), kept)


def _with_native(document: Document | None, native: list[PublishedPipeline]) -> dict[str, str]:
    """Ids of pipelines by version: those that were put there, and the ones that were published natively."""
    versions: dict[str, str] = dict(document["Versions"]) if document else {}
    for pipeline in sorted(native, key=lambda one: one.version):
        if pipeline.pipeline_id not in versions.values():
            number = str(pipeline.version)
            if number in versions:
                number = str(max(map(int, versions)) + 1)
            versions[number] = pipeline.pipeline_id
    return versions


def _engine_id(pipeline: PublishedPipeline) -> str:
    return pipeline.pipeline_endpoint.rsplit("/", 1)[1]
