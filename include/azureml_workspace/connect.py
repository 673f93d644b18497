"""Open a workspace: the one place that knows which adapters there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import WorkspaceSettings

OnSecret = Callable[[str], None]
Opener = Callable[[WorkspaceSettings, OnSecret], Workspace]


@dataclass(frozen=True, kw_only=True)
class TelemetryDelay:
    """In seconds: `longest` until a request shows in the telemetry, `poll` between two looks for it."""

    longest: float
    poll: float


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One way to reach a workspace.

    `opener` is `module:function`, named and not imported: an SDK costs seconds that a DAG parse must not pay.
    `insights_hint` says where a person looks at the telemetry of `{service}`, `telemetry_delay` how long it is behind.
    `has_portal` says whether the `portal_url` of its records opens in a browser, like Azure ML Studio; without one,
    links lead to pages of Airflow.
    """

    opener: str
    insights_hint: str
    telemetry_delay: TelemetryDelay
    has_portal: bool


ADAPTERS: dict[str, Adapter] = {
    "local": Adapter(
        opener="azureml_workspace.local.workspace:open_local",
        insights_hint="python -m azureml_local requests {service}",
        telemetry_delay=TelemetryDelay(longest=30, poll=0.2),
        has_portal=False,
    ),
    "azure_v1": Adapter(
        opener="azureml_workspace.azure_v1.workspace:open_azure_v1",
        insights_hint="Application Insights of the workspace, Logs: "
        "requests | where customDimensions['Service Name'] == '{service}'",
        telemetry_delay=TelemetryDelay(longest=600, poll=10),
        has_portal=True,
    ),
}
"""By backend name."""


def open_workspace(settings: WorkspaceSettings, *, on_secret: OnSecret = lambda _secret: None) -> Workspace:
    """The workspace that `settings` describe. Nothing is sent yet; `ping()` tells whether it answers.

    `on_secret` is called with every credential the adapter comes to hold, before it is used, so that a log masker can
    learn it.

    :raises InvalidRequest: no such backend, or settings that cannot work.
    """
    adapter = _adapter(settings)
    settings.validate()
    module, _, name = adapter.opener.partition(":")
    opener = cast("Opener", getattr(import_module(module), name))
    return opener(settings, on_secret)


def insights_hint(settings: WorkspaceSettings, service_name: str) -> str:
    """Where a person looks at the telemetry of a web service. :raises InvalidRequest: no such backend."""
    return _adapter(settings).insights_hint.format(service=service_name)


def telemetry_delay(settings: WorkspaceSettings) -> TelemetryDelay:
    """How long the telemetry of web services is behind. :raises InvalidRequest: no such backend."""
    return _adapter(settings).telemetry_delay


def has_portal(settings: WorkspaceSettings) -> bool:
    """Whether a browser can open the `portal_url` of its records. :raises InvalidRequest: no such backend."""
    of_own_cloud = settings.azure is not None and settings.azure.cloud_metadata_url is not None
    return _adapter(settings).has_portal and not of_own_cloud


def _adapter(settings: WorkspaceSettings) -> Adapter:
    if settings.backend not in ADAPTERS:
        raise InvalidRequest(f"unknown workspace backend {settings.backend!r}; choose one of {', '.join(ADAPTERS)}.")
    return ADAPTERS[settings.backend]
