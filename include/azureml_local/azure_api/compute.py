"""Compute targets as AmlCompute clusters."""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.addresses import LOCATION, PROVIDER, Addresses
from azureml_local.azure_api.errors import azure_error
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ComputeTarget

_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_CREATED = "2026-01-01T00:00:00.0000000+00:00"


def routes(surface: Surface) -> list[Route]:
    """Read through the workspace's own service (`rp`), created through Azure Resource Manager, as the SDK does."""
    addresses, workspace = surface.addresses, surface.workspace

    async def read(request: Request) -> Response:
        name = request.path_params["name"]
        found = {target.name: target for target in await run_in_threadpool(workspace.computes.list_all)}
        if name not in found:
            return azure_error(404, "ComputeTargetNotFound", f"there is no compute target {name!r}.")
        return JSONResponse(_compute(addresses, found[name]))

    async def read_all(_: Request) -> Response:
        targets = await run_in_threadpool(workspace.computes.list_all)
        return JSONResponse({"value": [_compute(addresses, target) for target in targets]})

    async def create(request: Request) -> Response:
        wanted = _wanted(request.path_params["name"], await request.json())
        target = await run_in_threadpool(workspace.computes.ensure, wanted)
        operation = f"{addresses.secure}/operations/{uuid.uuid4()}"
        return JSONResponse(_compute(addresses, target), status_code=201, headers={"Azure-AsyncOperation": operation})

    async def operation(_: Request) -> Response:
        # A compute target is there as soon as it was asked for: it is this machine.
        return JSONResponse({"status": "Succeeded"})

    return [
        Route("/rp/computes", read_all),
        Route("/rp/computes/{name}", read),
        Route("/arm/computes", read_all),
        Route("/arm/computes/{name}", read),
        Route("/arm/computes/{name}", create, methods=["PUT"]),
        Route("/operations/{operation}", operation),
    ]


def _wanted(name: str, body: dict[str, Any]) -> ComputeTarget:
    """:raises InvalidRequest: not an AmlCompute cluster."""
    properties = body.get("properties") or {}
    kind = properties.get("computeType")
    if kind != "AmlCompute":
        raise InvalidRequest(f"compute target {name!r} is of type {kind!r}; only AmlCompute is here.")
    inner = properties.get("properties") or {}
    scale = inner.get("scaleSettings") or {}
    defaults = ComputeTarget(name=name)
    return ComputeTarget(
        name=name,
        vm_size=inner.get("vmSize") or defaults.vm_size,
        min_nodes=int(scale.get("minNodeCount") or 0),
        max_nodes=int(scale.get("maxNodeCount") or 1),
        idle_seconds=_seconds(scale.get("nodeIdleTimeBeforeScaleDown")),
    )


def _seconds(duration: str | None) -> int:
    """`PT2M` and the like (ISO 8601) in seconds. :raises InvalidRequest:"""
    found = _DURATION.fullmatch(duration or "PT120S")
    if found is None:
        raise InvalidRequest(f"nodeIdleTimeBeforeScaleDown is {duration!r}; give a duration such as PT120S.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _compute(addresses: Addresses, target: ComputeTarget) -> dict[str, Any]:
    counts = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
    return {
        "id": f"{addresses.workspace_id}/computes/{target.name}",
        "name": target.name,
        "location": LOCATION,
        "tags": None,
        "type": f"{PROVIDER}/workspaces/computes",
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": LOCATION,
            "description": None,
            "provisioningState": target.state,
            "provisioningErrors": None,
            "resourceId": None,
            "isAttachedCompute": False,
            "createdOn": _CREATED,
            "modifiedOn": _CREATED,
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
                "currentNodeCount": target.min_nodes,
                "targetNodeCount": target.min_nodes,
                "errors": None,
                "nodeStateCounts": {f"{name}NodeCount": 0 for name in counts},
            },
        },
    }
