"""What Azure has accepted to do to a web service, and may not have begun to show.

A change is answered with 202 and an operation. Until that has ended, the service's own state may be one from before:
Healthy with the old model or the old switch, Failed from the deployment before. The service names its latest operation
(`operationId`), so whoever looks can tell, in whatever process. Whether Azure names a new one from the first moment is
not documented; so the process that began an operation asks for that one until it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.azure_v1.service_records import error_words
from azureml_workspace.errors import NotFound
from azureml_workspace.segments import segment

_FAILED = "Failed"
_ENDED = frozenset({"Succeeded", _FAILED, "Cancelled", "TimedOut"})


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`state` as Azure names it; `error` in words, empty when there is none."""

    state: str
    error: str

    @property
    def is_under_way(self) -> bool:
        """Whether it goes on; a state that nobody knows does."""
        return self.state not in _ENDED

    @property
    def has_failed(self) -> bool:
        """Whether what was asked for was not done."""
        return self.state == _FAILED


class ServiceOperations:
    """The latest operation of each service."""

    def __init__(self, azure: AzureConnection) -> None:
        self._azure = azure
        self._begun: dict[str, str] = {}

    def began(self, service: str, location: str | None) -> None:
        """Remember what a change began: the operation's id, or the address that ends with it (None: there is none)."""
        if location:
            self._begun[service] = location.partition("?")[0].rstrip("/").rpartition("/")[2]

    def forget(self, service: str) -> None:
        """The service is deleted."""
        self._begun.pop(service, None)

    def latest(self, service: str, entity: Mapping[str, Any]) -> Operation | None:
        """The one that is under way, or that ended last; None when Azure names none, or does not know it any more."""
        found: Operation | None = None
        begun = self._begun.get(service)
        for operation_id in dict.fromkeys((begun, entity.get("operationId"))):
            if not operation_id:
                continue
            found = self._read(str(operation_id))
            if found is not None and found.is_under_way:
                return found
            if operation_id == begun:
                self.forget(service)
        return found

    def _read(self, operation_id: str) -> Operation | None:
        try:
            found = self._azure.json("GET", "modelmanagement", f"/operations/{segment('operation', operation_id)}")
        except NotFound:
            return None
        return Operation(state=str(found.get("state")), error=error_words(found.get("error")))
