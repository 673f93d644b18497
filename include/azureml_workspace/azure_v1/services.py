"""Web services on Azure Container Instances."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from requests import Response

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.models import find_model
from azureml_workspace.azure_v1.service_operations import ServiceOperations
from azureml_workspace.azure_v1.service_records import (
    COLLECT_INPUTS_VARIABLE,
    LOG_LINES_SHOWN,
    RESPONSE_FORMAT_VARIABLE,
    SERVICE_NAME_VARIABLE,
    is_same_deployment,
    is_same_size,
    web_service,
    with_last_lines,
)
from azureml_workspace.azure_v1.telemetry import INPUT_LINE, input_sample, request_summary
from azureml_workspace.errors import Conflict, NotFound, ServiceUnavailable, WorkspaceError
from azureml_workspace.records import DeploySettings, InputSample, ModelVersion, RequestSummary, ServiceKeys, WebService
from azureml_workspace.segments import segment
from azureml_workspace.statuses import FAILED_SERVICE_STATES, SETTLED_SERVICE_STATES, ServiceState

_MODEL_MANAGEMENT = "modelmanagement"
_EXPAND = {"expand": "true"}
_JSON_PATCH = "application/json-patch+json"
_DELETING = "Deleting"
"""A state in which Azure still shows a service that it was told to delete."""
_SECONDS = 300.0
"""For uploading the script, and reading what training saw; what Azure does then is not waited for."""
_UNDER_WAY_OR_DONE = frozenset({ServiceState.TRANSITIONING, ServiceState.HEALTHY})
_UPDATABLE = frozenset({ServiceState.HEALTHY, ServiceState.UNHEALTHY})


class ServiceCalls:
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    _azure: AzureConnection

    def deploy(self, settings: DeploySettings) -> WebService:
        """Have the SDK begin to create or update the service; nobody waits for it to end.

        A service that serves is updated in place. Azure cannot change the size of a container that exists, so another
        size, like a service that failed, is deployed over the old one, which may be away for that time.
        """
        settings.validate()
        model = find_model(self._azure, settings.model_name, settings.model_version)
        entity = self._find_entity(settings.service_name)
        if entity is None:
            return self._begin("deploy_service", settings, model, overwrite=False)
        found = self._judged(entity)
        if _is_there(found, settings):
            return self._adjust(found, settings)
        if found.state is ServiceState.TRANSITIONING:
            raise _busy(web_service(entity))
        if not settings.tags:
            settings = replace(settings, tags=found.tags)
        if found.state in _UPDATABLE and is_same_size(found, settings):
            return self._begin("update_service", settings, model)
        if settings.app_insights_enabled is None:
            settings = replace(settings, app_insights_enabled=found.app_insights_enabled)
        return self._begin("deploy_service", settings, model, overwrite=True)

    def get_service(self, name: str) -> WebService:
        """Read the service and, when it looks settled, its latest operation. One that failed says why, with its log.

        One that Azure shows as Healthy although its last change failed is Unhealthy here: which model it then shows,
        that which serves or that which was refused, is not documented, and what failed must not look done.
        """
        return self._judged(self._read_entity(name))

    def _judged(self, entity: Mapping[str, Any]) -> WebService:
        service = web_service(entity)
        name = service.name
        if service.state in SETTLED_SERVICE_STATES:
            operation = self._operations.latest(name, entity)
            if operation is not None and operation.is_under_way:
                return replace(service, state=ServiceState.TRANSITIONING, error="")
            if operation is not None and operation.has_failed and service.state is ServiceState.HEALTHY:
                service = replace(service, state=ServiceState.UNHEALTHY, error=operation.error)
        if service.state not in FAILED_SERVICE_STATES:
            return service
        try:
            log = self.service_logs(name, tail=LOG_LINES_SHOWN)
        except WorkspaceError:
            log = ""  # of a container that never was there; the error alone has to do
        return replace(service, error=with_last_lines(service.error, log))

    def list_services(self) -> Sequence[WebService]:
        """Read all services, page by page, as they show themselves: what was just begun may not show yet."""
        page = self._azure.json("GET", _MODEL_MANAGEMENT, "/services", query=_EXPAND)
        found = list(page["value"])
        while page.get("nextLink"):
            page = self._azure.rest.json("GET", str(page["nextLink"]))
            found += page["value"]
        there = [entity for entity in found if entity.get("state") != _DELETING]
        return sorted(map(web_service, there), key=lambda service: service.name)

    def delete_service(self, name: str) -> None:
        """Ask Azure to remove the service."""
        self._operations.forget(name)
        try:
            self._ask("DELETE", name)
        except NotFound:
            return

    def set_app_insights(self, name: str, *, enabled: bool) -> WebService:
        """Change the one field of the service. No image is built for it, but the container may be started anew."""
        self._patch(name, {"appInsightsEnabled": enabled})
        return self.get_service(name)

    def service_logs(self, name: str, *, tail: int = 200) -> str:
        """Read the end of the container's log, without the sampled rows of clients, which are for `service_inputs`."""
        text = str(self._service("GET", name, "/logs", query={"tail": tail, "init": "false"}).get("content") or "")
        lines = [line for line in text.splitlines() if INPUT_LINE not in line]
        return "\n".join(lines[-tail:]) if tail > 0 else ""

    def service_requests(self, name: str, *, since_seconds: float | None = None) -> RequestSummary:
        """Ask Application Insights, which knows of a request a few minutes after it was answered."""
        service = self._read_service(name)
        return request_summary(self._azure, name, enabled=service.app_insights_enabled, since_seconds=since_seconds)

    def service_inputs(self, name: str, *, since_seconds: float, limit: int = 2000) -> InputSample:
        """Ask Application Insights for the rows that the entry script printed."""
        service = self._read_service(name)
        collecting = service.app_insights_enabled and service.collect_inputs
        return input_sample(self._azure, name, collecting=collecting, since_seconds=since_seconds, limit=limit)

    def service_keys(self, name: str) -> ServiceKeys:
        """Read both keys, of a service that has them."""
        service = self._read_service(name)
        if not service.auth_enabled:
            raise NotFound(f"service {name!r} was deployed without authentication (auth_enabled), so it has no keys.")
        return self._keys(name)

    def regenerate_key(self, name: str, *, secondary: bool = False) -> ServiceKeys:
        """Replace one key by a random one made here: Azure takes a while, and nobody has to wait to know it."""
        keys, key = self.service_keys(name), secrets.token_hex(16)
        self._azure.on_secret(key)
        body = {"keyType": "Secondary" if secondary else "Primary", "keyValue": key}
        # Repeating it sets the same key once more.
        self._ask("POST", name, "/regenerateKeys", body=body, repeatable=True)
        return replace(keys, secondary=key) if secondary else replace(keys, primary=key)

    @cached_property
    def _operations(self) -> ServiceOperations:
        return ServiceOperations(self._azure)

    def _read_service(self, name: str) -> WebService:
        """:raises NotFound:"""
        return web_service(self._read_entity(name))

    def _read_entity(self, name: str) -> dict[str, Any]:
        """:raises NotFound:"""
        found: dict[str, Any] = self._service("GET", name, query=_EXPAND)
        if found.get("state") == _DELETING:
            raise NotFound(f"web service {name!r} is being deleted.")
        return found

    def _keys(self, name: str) -> ServiceKeys:
        found = self._service("POST", name, "/listkeys", repeatable=True)
        keys = ServiceKeys(primary=str(found["primaryKey"]), secondary=str(found["secondaryKey"]))
        for key in (keys.primary, keys.secondary):
            self._azure.on_secret(key)
        return keys

    def _begin(self, operation: str, settings: DeploySettings, model: ModelVersion, **arguments: Any) -> WebService:
        name = settings.service_name
        wanted = {
            "name": name,
            "model_name": model.name,
            "model_version": model.version,
            "cpu_cores": settings.cpu_cores,
            "memory_gb": settings.memory_gb,
            "auth_enabled": settings.auth_enabled,
            "app_insights_enabled": settings.app_insights_enabled,
            "tags": settings.tags,
            "variables": {
                RESPONSE_FORMAT_VARIABLE: settings.response_format,
                COLLECT_INPUTS_VARIABLE: "true" if settings.collect_inputs else "false",
                SERVICE_NAME_VARIABLE: name,
            },
        }
        try:
            self._operations.began(name, self._azure.sdk.call(operation, wanted | arguments, seconds=_SECONDS))
        except Conflict:
            # The SDK repeats a request whose answer was lost, and is then refused because of what the first one began.
            entity = self._find_entity(name)
            if entity is None or not _is_there(self._judged(entity), settings):
                raise
        return self.get_service(name)

    def _adjust(self, service: WebService, settings: DeploySettings) -> WebService:
        """What a deployment may change without anything being deployed: tags and the insights switch."""
        changes: dict[str, Any] = {}
        if settings.tags and settings.tags != service.tags:
            changes["kvTags"] = settings.tags
        if settings.app_insights_enabled not in (None, service.app_insights_enabled):
            changes["appInsightsEnabled"] = settings.app_insights_enabled
        if not changes:
            return service
        self._patch(service.name, changes)
        return self.get_service(service.name)

    def _patch(self, name: str, changes: dict[str, Any]) -> None:
        patch = [{"op": "replace", "path": f"/{field}", "value": value} for field, value in changes.items()]
        accepted = self._ask("PATCH", name, body=patch, content_type=_JSON_PATCH, repeatable=True)
        self._operations.began(name, accepted.headers.get("Operation-Location"))

    def _find_entity(self, name: str) -> dict[str, Any] | None:
        try:
            return self._read_entity(name)
        except NotFound:
            return None

    def _service(self, method: str, name: str, path: str = "", **request: Any) -> Any:
        return self._azure.json(method, _MODEL_MANAGEMENT, _path(name) + path, **request)

    def _ask(self, method: str, name: str, path: str = "", **request: Any) -> Response:
        """A request whose answer's body says nothing, whatever it is."""
        return self._azure.rest.call(method, self._azure.url(_MODEL_MANAGEMENT, _path(name) + path), **request)


def _is_there(service: WebService, settings: DeploySettings) -> bool:
    """Whether the service has what `settings` deploy, or is getting it."""
    return is_same_deployment(service, settings) and service.state in _UNDER_WAY_OR_DONE


def _busy(shown: WebService) -> WorkspaceError:
    """Why nothing can be deployed now, by the service as Azure shows it."""
    if shown.state is ServiceState.TRANSITIONING:
        return Conflict(
            f"service {shown.name!r} is being deployed with model {shown.model_name}:{shown.model_version}; "
            "deploy again when that has ended."
        )
    # It may be this very deployment, begun by a try whose process was lost: so not a refusal, but to be asked again.
    return ServiceUnavailable(
        f"a change of service {shown.name!r} is under way, and Azure does not show yet which; deploy again when it has "
        "ended."
    )


def _path(name: str) -> str:
    return f"/services/{segment('web service', name)}"
