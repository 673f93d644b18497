"""The operations by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azureml_workspace.azure_v1.sdk import automl, compute, datasets, models, pipelines, services

OPERATIONS: dict[str, Callable[..., Any]] = {
    **automl.OPERATIONS,
    **compute.OPERATIONS,
    **datasets.OPERATIONS,
    **models.OPERATIONS,
    **pipelines.OPERATIONS,
    **services.OPERATIONS,
}
