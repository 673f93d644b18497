"""Open a workspace: the one place that knows which adapters there are."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import WorkspaceSettings

OnSecret = Callable[[str], None]
Opener = Callable[[WorkspaceSettings, OnSecret], Workspace]

ADAPTERS: dict[str, str] = {
    "local": "azureml_workspace.local.workspace:open_local",
}
"""Backend name to `module:opener`. Named, not imported: an SDK costs seconds that a DAG parse must not pay."""


def open_workspace(settings: WorkspaceSettings, *, on_secret: OnSecret = lambda _secret: None) -> Workspace:
    """The workspace that `settings` describe. Nothing is sent yet; `ping()` tells whether it answers.

    `on_secret` is called with every credential the adapter comes to hold, before it is used, so that a log masker can
    learn it.

    :raises InvalidRequest: no such backend, or settings that cannot work.
    """
    if settings.backend not in ADAPTERS:
        raise InvalidRequest(f"unknown workspace backend {settings.backend!r}; choose one of {', '.join(ADAPTERS)}.")
    settings.validate()
    module, _, name = ADAPTERS[settings.backend].partition(":")
    opener = cast("Opener", getattr(import_module(module), name))
    return opener(settings, on_secret)
