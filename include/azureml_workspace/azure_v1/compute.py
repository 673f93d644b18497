"""Compute targets: AmlCompute clusters."""

from __future__ import annotations

from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import ComputeTarget, validate_compute_name
from azureml_workspace.segments import segment

_API_VERSION = "2020-02-02"
_AML_COMPUTE = "AmlCompute"


class ComputeCalls:
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    _azure: AzureConnection

    def ensure_compute(self, target: ComputeTarget) -> ComputeTarget:
        """Find the cluster, or begin to create it: Azure queues a run whose cluster is not there yet."""
        validate_compute_name(target.name)
        try:
            return self._find_compute(target.name)
        except NotFound:
            self._azure.sdk.call(
                "create_compute",
                {
                    "name": target.name,
                    "vm_size": target.vm_size,
                    "min_nodes": target.min_nodes,
                    "max_nodes": target.max_nodes,
                    "idle_seconds": target.idle_seconds,
                },
            )
        return self._find_compute(target.name)

    def _find_compute(self, name: str) -> ComputeTarget:
        """:raises NotFound: :raises InvalidRequest: it is of another kind than a cluster."""
        path = f"/computes/{segment('compute target', name)}"
        found = self._azure.json("GET", "api", path, prefix="/rp/workspaces", query={"api-version": _API_VERSION})
        properties: dict[str, Any] = found["properties"]
        if properties["computeType"] != _AML_COMPUTE:
            raise InvalidRequest(
                f"compute target {name!r} is of type {properties['computeType']}; AutoML needs an {_AML_COMPUTE}."
            )
        inner = properties["properties"]
        scale = inner["scaleSettings"]
        return ComputeTarget(
            name=str(found["name"]),
            vm_size=str(inner["vmSize"]),
            min_nodes=int(scale["minNodeCount"]),
            max_nodes=int(scale["maxNodeCount"]),
            idle_seconds=_seconds(str(scale["nodeIdleTimeBeforeScaleDown"])),
            state=str(properties["provisioningState"]),
        )


def _seconds(duration: str) -> int:
    """ISO 8601 `PT1H2M3S` in seconds, the only form that Azure uses here."""
    total, number = 0, ""
    for sign in duration.removeprefix("PT"):
        if sign in "HMS":
            total += int(float(number or 0)) * {"H": 3600, "M": 60, "S": 1}[sign]
            number = ""
        else:
            number += sign
    return total
