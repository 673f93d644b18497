"""Compute targets: where runs execute."""

from __future__ import annotations

from dataclasses import dataclass

from azureml_workspace.records.base import Record


@dataclass(frozen=True, kw_only=True)
class ComputeTarget(Record):
    """An AmlCompute cluster, or the local machine playing one.

    `max_nodes` is how many runs may execute at once; `idle_seconds` is how long an idle node is kept.
    """

    name: str
    vm_size: str = "STANDARD_DS12_V2"
    min_nodes: int = 0
    max_nodes: int = 1
    idle_seconds: int = 120
    state: str = "Succeeded"
