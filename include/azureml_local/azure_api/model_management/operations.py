"""Long-running operations on web services: what the SDK polls until it has an end."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.model_management.service_wire import service_error
from azureml_local.azure_api.model_management.wire import timestamp
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import NotFound
from azureml_workspace.records import WebService
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

_KIND = "operation"
_RUNNING, _SUCCEEDED, _FAILED, _CANCELLED = "Running", "Succeeded", "Failed", "Cancelled"


class Operations:
    """An operation is running until its service has settled; how it ended is kept."""

    def __init__(self, surface: Surface) -> None:
        self._documents = surface.documents
        self._services = surface.workspace.services
        self._base = surface.addresses.service("modelmanagement")

    def begin(self, service: str, kind: str, *, done: bool = False) -> Document:
        """A new operation of `service`; `done` when nothing has to be waited for."""
        operation_id, now = str(uuid.uuid4()), timestamp(datetime.now(UTC))
        operation = {
            "id": operation_id,
            "operationType": kind,
            "operationDetails": {"subOperationType": "DeployService"},
            "state": _SUCCEEDED if done else _RUNNING,
            "createdTime": now,
            "endTime": now if done else None,
            "error": None,
            "resourceLocation": f"{self._base}/services/{service}",
            "operationLog": f"{self._base}/services/{service}/logs",
            "service": service,
        }
        self._documents.put(_KIND, operation_id, operation)
        return operation

    def location(self, operation: Document) -> str:
        """Where the operation is polled."""
        return f"{self._base}/operations/{operation['id']}"

    def get(self, operation_id: str) -> Document:
        """The operation as it is now. :raises NotFound:"""
        found = self._documents.find(_KIND, operation_id)
        if found is None:
            raise NotFound(f"there is no operation {operation_id!r}.")
        if found["state"] == _RUNNING:
            ended = self._end_of(str(found["service"]))
            if ended:
                found = {**found, **ended, "endTime": timestamp(datetime.now(UTC))}
                self._documents.put(_KIND, operation_id, found)
        return {name: value for name, value in found.items() if name != "service"}

    def _end_of(self, name: str) -> dict[str, Any]:
        try:
            service: WebService = self._services.get(name)
        except NotFound as error:
            return {"state": _CANCELLED, "error": {"code": "NotFound", "message": str(error), "details": []}}
        if service.state not in SETTLED_SERVICE_STATES:
            return {}
        return {
            "state": _SUCCEEDED if service.state is ServiceState.HEALTHY else _FAILED,
            "error": service_error(service),
        }
