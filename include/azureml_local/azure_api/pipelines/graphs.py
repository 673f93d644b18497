"""Graphs of pipelines as the SDK wrote them, and which of their nodes is which step of the engine."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.documents import Document, Documents
from azureml_local.azure_api.pipelines.entities import entity
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import NotFound
from azureml_workspace.records import AUTOML_STEP, REGISTER_STEP
from azureml_workspace.texts import shown

_GRAPH, _PUBLISHED = "pipeline-graph", "published-pipeline"


@dataclass(frozen=True, kw_only=True)
class StepNode:
    """The node that is one step of the engine (`step`).

    `outputs` are its ports that give the best model or the metrics (`Model`, `Metrics`), `pipeline_outputs` the same by
    the name that the whole pipeline gives them.
    """

    step: str
    node_id: str
    module_id: str
    name: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    pipeline_outputs: Mapping[str, str] = field(default_factory=dict)


def routes(surface: Surface) -> list[Route]:
    """`Graphs`."""
    documents = surface.documents

    def read_graph(request: Request) -> Response:
        return JSONResponse(_require(documents, request.path_params["id"])["Graph"])

    def read_interface(request: Request) -> Response:
        return JSONResponse(_require(documents, request.path_params["id"])["Interface"])

    return [
        Route("/pipelines/Graphs/{id}", read_graph),
        Route("/pipelines/Graphs/{id}/Interface", read_interface),
    ]


def keep_graph(documents: Documents, graph: Document, interface: Document, nodes: Sequence[StepNode]) -> str:
    """Keep a graph and what its nodes are; gives its id."""
    key = str(uuid.uuid4())
    document = {
        "Graph": {**graph, **entity(key)},
        "Interface": interface,
        "Nodes": [msgspec.to_builtins(node) for node in nodes],
    }
    documents.put(_GRAPH, key, document)
    return key


def parameters_of(documents: Documents, graph_id: str) -> dict[str, str]:
    """The graph's parameters with their defaults, as text."""
    interface = _require(documents, graph_id)["Interface"] or {}
    return {
        parameter["Name"]: str(parameter.get("DefaultValue") or "") for parameter in interface.get("Parameters") or []
    }


def remember_origin(documents: Documents, pipeline_id: str, origin: Document) -> None:
    """Note what was said of a pipeline of the engine when it came in through the SDK, `GraphId` among it."""
    documents.put(_PUBLISHED, pipeline_id, origin)


def origin_of(documents: Documents, pipeline_id: str) -> Document | None:
    """What `remember_origin` noted; None when the pipeline was published natively."""
    return documents.find(_PUBLISHED, pipeline_id)


def nodes_of(documents: Documents, pipeline_id: str) -> dict[str, StepNode]:
    """The nodes of a pipeline of the engine by the name of the step. One without a graph gets nodes of that name."""
    origin = origin_of(documents, pipeline_id)
    if origin is None:
        return {step: _native_node(step) for step in (AUTOML_STEP, REGISTER_STEP)}
    nodes = msgspec.convert(_require(documents, origin["GraphId"])["Nodes"], list[StepNode])
    return {node.step: node for node in nodes}


def _native_node(step: str) -> StepNode:
    outputs = {"model": "Model", "metrics": "Metrics"} if step == AUTOML_STEP else {}
    return StepNode(step=step, node_id=step, module_id=step, name=step, outputs=outputs, pipeline_outputs=outputs)


def _require(documents: Documents, key: str) -> Document:
    """:raises NotFound:"""
    found = documents.find(_GRAPH, key)
    if found is None:
        raise NotFound(f"there is no graph {shown(key)}; pipelines that were not published by the SDK have none.")
    return found
