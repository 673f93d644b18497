"""Compute targets as AmlCompute clusters."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.addresses import LOCATION, PROVIDER
from azureml_local.azure_api.bodies import answering, read
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.errors import azure_error
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import ComputeTarget
from azureml_workspace.statuses import RunStatus

_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_CREATED, _OPERATION = "compute", "compute-operation"
"""Kinds of documents: when a client created a target, and the operations that clients were told of."""
_AML_COMPUTE = "AmlCompute"
_NEVER_HERE = ("preparing", "unusable", "leaving", "preempted")
_ON_A_NODE = frozenset({RunStatus.PREPARING, RunStatus.RUNNING, RunStatus.FINALIZING, RunStatus.CANCEL_REQUESTED})


class _Scale(msgspec.Struct, rename="camel"):
    min_node_count: int | None = None
    max_node_count: int | None = None
    node_idle_time_before_scale_down: str | None = None


class _Cluster(msgspec.Struct, rename="camel"):
    vm_size: str | None = None
    scale_settings: _Scale | None = None


class _Properties(msgspec.Struct, rename="camel"):
    compute_type: str
    properties: _Cluster | None = None


class _Compute(msgspec.Struct):
    properties: _Properties


def routes(surface: Surface) -> list[Route]:
    """Read through the workspace's own service (`rp`), created through Azure Resource Manager, as the SDK does."""
    clusters = _Clusters(surface)

    def read_one(request: Request, _: Any) -> Any:
        name = request.path_params["name"]
        found = clusters.find(name)
        if found is None:
            return azure_error(404, "ComputeTargetNotFound", f"there is no compute target {name!r}.")
        return found

    def read_all(_: Request, __: Any) -> Any:
        return {"value": clusters.list_all()}

    def create(request: Request, body: Any) -> Response:
        created = clusters.create(_wanted(request.path_params["name"], read(body, _Compute).properties))
        operation = str(uuid.uuid4())
        surface.documents.put(_OPERATION, operation, {"status": "Succeeded"})
        address = f"{surface.addresses.secure}/operations/{operation}"
        return JSONResponse(created, status_code=201, headers={"Azure-AsyncOperation": address})

    def operation(request: Request, _: Any) -> Any:
        # A compute target is there as soon as it was asked for: it is this machine.
        found = surface.documents.find(_OPERATION, request.path_params["operation"])
        if found is None:
            raise NotFound("there is no such operation on a compute target.")
        return found

    return [
        Route("/rp/computes", answering(read_all)),
        Route("/rp/computes/{name}", answering(read_one)),
        Route("/arm/computes", answering(read_all)),
        Route("/arm/computes/{name}", answering(read_one)),
        Route("/arm/computes/{name}", answering(create), methods=["PUT"]),
        Route("/operations/{operation}", answering(operation)),
    ]


class _Clusters:
    """The workspace's compute targets as clients see them."""

    def __init__(self, surface: Surface) -> None:
        self._workspace = surface.workspace
        self._documents = surface.documents
        self._id = surface.addresses.workspace_id

    def list_all(self) -> list[Document]:
        targets = self._workspace.computes.list_all()
        active = self._workspace.runs.active()
        busy = Counter(run.settings.compute_target for run in active if run.status in _ON_A_NODE)
        return [self._shape(target, busy[target.name]) for target in targets]

    def find(self, name: str) -> Document | None:
        return next((found for found in self.list_all() if found["name"] == name), None)

    def create(self, target: ComputeTarget) -> Document:
        """The target of that name as it is, else as described. :raises InvalidRequest:"""
        is_new = self.find(target.name) is None
        made = self._workspace.computes.ensure(target)
        if is_new:
            self._documents.put(_CREATED, made.name, {"createdOn": datetime.now(UTC).isoformat()})
        return self._shape(made, 0) if is_new else self.find(made.name) or self._shape(made, 0)

    def _shape(self, target: ComputeTarget, busy: int) -> Document:
        # Of a target that was not made through Azure's routes nobody knows when it was.
        created = self._documents.find(_CREATED, target.name)
        times = {} if created is None else {"createdOn": created["createdOn"], "modifiedOn": created["createdOn"]}
        nodes = max(target.min_nodes, busy)
        counts = {"running": busy, "idle": nodes - busy} | dict.fromkeys(_NEVER_HERE, 0)
        return {
            "id": f"{self._id}/computes/{target.name}",
            "name": target.name,
            "location": LOCATION,
            "tags": None,
            "type": f"{PROVIDER}/workspaces/computes",
            "properties": {
                "computeType": _AML_COMPUTE,
                "computeLocation": LOCATION,
                "description": None,
                "provisioningState": target.state,
                "provisioningErrors": None,
                "resourceId": None,
                "isAttachedCompute": False,
                **times,
                "properties": {
                    "vmPriority": "Dedicated",
                    "vmSize": target.vm_size,
                    "scaleSettings": {
                        "minNodeCount": target.min_nodes,
                        "maxNodeCount": target.max_nodes,
                        "nodeIdleTimeBeforeScaleDown": f"PT{target.idle_seconds}S",
                    },
                    "subnet": None,  # the SDK wants the name, whatever the value
                    "allocationState": "Steady",
                    "currentNodeCount": nodes,
                    "targetNodeCount": nodes,
                    "errors": None,
                    "nodeStateCounts": {f"{state}NodeCount": count for state, count in counts.items()},
                },
            },
        }


def _wanted(name: str, given: _Properties) -> ComputeTarget:
    """:raises InvalidRequest: not an AmlCompute cluster."""
    if given.compute_type != _AML_COMPUTE:
        raise InvalidRequest(f"compute target {name!r} is of type {given.compute_type!r}; only {_AML_COMPUTE} is here.")
    cluster = given.properties or _Cluster()
    scale = cluster.scale_settings or _Scale()
    return ComputeTarget(
        name=name,
        vm_size=cluster.vm_size or ComputeTarget(name=name).vm_size,
        min_nodes=scale.min_node_count or 0,
        max_nodes=1 if scale.max_node_count is None else scale.max_node_count,
        idle_seconds=_seconds(scale.node_idle_time_before_scale_down),
    )


def _seconds(duration: str | None) -> int:
    """`PT2M` and the like (ISO 8601) in seconds. :raises InvalidRequest:"""
    found = _DURATION.fullmatch(duration or "PT120S")
    if found is None:
        raise InvalidRequest(f"nodeIdleTimeBeforeScaleDown is {duration!r}; give a duration such as PT120S.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
