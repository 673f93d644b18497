"""Compute targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azureml_workspace.azure_v1.sdk.session import SdkSession


def create_compute(
    session: SdkSession, name: str, vm_size: str, min_nodes: int, max_nodes: int, idle_seconds: int
) -> None:
    """Begin to create an AmlCompute cluster."""
    from azureml.core.compute import AmlCompute, ComputeTarget

    configuration = AmlCompute.provisioning_configuration(
        vm_size=vm_size, min_nodes=min_nodes, max_nodes=max_nodes, idle_seconds_before_scaledown=idle_seconds
    )
    ComputeTarget.create(session.workspace, name, configuration)


OPERATIONS: dict[str, Callable[..., Any]] = {"create_compute": create_compute}
