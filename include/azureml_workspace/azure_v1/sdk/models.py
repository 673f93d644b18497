"""Registered models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azureml_workspace.azure_v1.sdk.session import SdkSession

_PATH_PROPERTY, _PATH = "model_output_path", "outputs/model.pkl"


def register_model(
    session: SdkSession, name: str, run_id: str, tags: Mapping[str, str], properties: Mapping[str, str]
) -> int:
    """Register the model that a trial left among its outputs; gives the version."""
    from azureml.core import Run

    run = Run.get(session.workspace, run_id)
    path = run.properties.get(_PATH_PROPERTY) or _PATH
    model = run.register_model(model_name=name, model_path=path, tags=dict(tags), properties=dict(properties))
    return int(model.version)


OPERATIONS: dict[str, Callable[..., Any]] = {"register_model": register_model}
