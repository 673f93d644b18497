"""Web services: the engine's, with what Azure keeps of a service beside that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.model_management.entry_scripts import EntryScripts
from azureml_local.azure_api.model_management.json_patch import changed_fields
from azureml_local.azure_api.model_management.operations import Operations
from azureml_local.azure_api.model_management.registry import ModelRegistry
from azureml_local.azure_api.model_management.service_wire import (
    Entity,
    collects_inputs,
    deploy_settings,
    keys_of,
    model_of,
    response_format_of,
    service_entity,
    tags_of,
)
from azureml_local.azure_api.model_management.wire import model_id, timestamp
from azureml_local.azure_api.surface import Surface
from azureml_local.services.scripts import source_of
from azureml_local.store.services import Deployment
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import DeploySettings, WebService

_SERVICE = "service"
_KEPT = ("description", "properties", "environmentImageRequest")
_DEPLOYED_ANEW = ("environmentImageRequest", "containerResourceRequirements", "authEnabled")
_CHANGEABLE = frozenset({*_KEPT, *_DEPLOYED_ANEW, "kvTags", "appInsightsEnabled"})


class Deployments:
    """The web services of the workspace as Azure shows them."""

    def __init__(self, surface: Surface, registry: ModelRegistry, operations: Operations) -> None:
        self._scripts = EntryScripts(surface)
        self._services = surface.workspace.services
        self._documents = surface.documents
        self._registry = registry
        self._operations = operations

    def create(self, body: Document) -> Document:
        """Begin to deploy; gives the operation.

        :raises InvalidRequest, NotFound: as the engine does, or it asks for something that is not here.
        :raises Conflict: there is a service of that name and it is not to be overwritten, or it is being deployed.
        """
        settings = deploy_settings(body)
        if not body.get("overwrite") and self.exists(settings.service_name):
            raise Conflict(
                f"there is a web service {settings.service_name!r} already; update it, or deploy with overwrite=True."
            )
        image = body["environmentImageRequest"]
        with self._scripts.of(image, settings.model_name, settings.model_version) as script:
            service = self._services.deploy(settings, keys=keys_of(body), script=script)
        operation = self._operations.begin(service.name, "Service")
        kept = {field: body.get(field) for field in _KEPT}
        self._keep(service, {**kept, "operationId": operation["id"]})
        return operation

    def exists(self, name: str) -> bool:
        """Whether there is a service of that name."""
        try:
            self._services.get(name)
        except NotFound:
            return False
        return True

    def get(self, name: str) -> Entity:
        """One service. :raises NotFound:"""
        return self._entity(self._services.get(name))

    def find(self, keep: Callable[[Entity], bool]) -> list[Entity]:
        """The services that `keep` is true of, by name."""
        found = []
        for service in self._services.list_all():
            with suppress(NotFound):  # deleted meanwhile
                found.append(self._entity(service))
        return [entity for entity in found if keep(entity)]

    def change(self, name: str, patch: Any) -> Document:
        """Apply a JSON patch; gives the operation.

        :raises NotFound: no such service or model. :raises InvalidRequest: a field that cannot be changed here.
        :raises Conflict: a deployment is under way.
        """
        service = self._services.get(name)
        changed = changed_fields(self._entity(service), patch)
        unknown = sorted(changed.keys() - _CHANGEABLE)
        if unknown:
            raise InvalidRequest(f"{', '.join(unknown)} of web service {name!r} cannot be changed here.")
        deploys = any(field in changed for field in _DEPLOYED_ANEW)
        if deploys:
            self._deploy_changed(self._services.wanted(name), changed)
        elif changed.get("appInsightsEnabled") is not None:
            self._services.set_app_insights(name, enabled=bool(changed["appInsightsEnabled"]))
        if "kvTags" in changed:
            self._services.set_tags(name, tags_of(changed["kvTags"]))
        operation = self._operations.begin(name, "Service", done=not deploys)
        kept = {field: changed[field] for field in _KEPT if field in changed}
        self._keep(service, {**self._kept(service), **kept, "operationId": operation["id"]})
        return operation

    def _deploy_changed(self, wanted: Deployment, changed: Entity) -> None:
        settings, image = _changed_settings(wanted, changed), changed.get("environmentImageRequest")
        if image is None:
            self._services.deploy(settings, script=None if wanted.script is None else source_of(wanted.script))
            return
        with self._scripts.of(image, settings.model_name, settings.model_version) as script:
            self._services.deploy(settings, script=script)

    def delete(self, name: str) -> bool:
        """Stop and remove the service; whether there was one."""
        self._documents.delete(_SERVICE, name)
        return self._services.delete(name) is not None

    def _entity(self, service: WebService) -> Entity:
        wanted = self._services.wanted(service.name)
        model = self._registry.get(model_id(wanted.model_name, wanted.model_version))
        return service_entity(service, wanted, self._kept(service), [model])

    def _keep(self, service: WebService, kept: Document) -> None:
        self._documents.put(_SERVICE, service.name, {**kept, "createdTime": timestamp(service.created_at)})

    def _kept(self, service: WebService) -> Document:
        """Nothing, when what is kept is of an earlier service of that name."""
        found = self._documents.find(_SERVICE, service.name) or {}
        return found if found.get("createdTime") == timestamp(service.created_at) else {}


def _changed_settings(wanted: DeploySettings, changed: Entity) -> DeploySettings:
    """:raises InvalidRequest: what is to be deployed is not one model with a known answer."""
    settings = replace(wanted, app_insights_enabled=changed.get("appInsightsEnabled"), tags={})
    if "environmentImageRequest" in changed:
        image = changed["environmentImageRequest"]
        name, version = model_of(image)
        settings = replace(
            settings,
            model_name=name,
            model_version=version,
            response_format=response_format_of(image),
            collect_inputs=collects_inputs(image),
        )
    sizes = changed.get("containerResourceRequirements") or {}
    return replace(
        settings,
        auth_enabled=bool(changed.get("authEnabled", wanted.auth_enabled)),
        cpu_cores=float(sizes.get("cpu") or wanted.cpu_cores),
        memory_gb=float(sizes.get("memoryInGB") or wanted.memory_gb),
    )
