"""Wait for a web service to be deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_azureml.triggers._polling import PollingTrigger
from azureml_workspace.records import WebService
from azureml_workspace.statuses import SETTLED_SERVICE_STATES, ServiceState

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace


class AzureMLServiceTrigger(PollingTrigger[WebService]):
    """Fires when the service is deployed, or has failed to be.

    The event has `service_name` and `service_state` (None when no look succeeded).

    :param service_name: the web service.

    The others are those of `PollingTrigger`.
    """

    def __init__(self, *, service_name: str, **polling: Any) -> None:
        super().__init__(**polling)
        self.service_name = service_name
        self._state: ServiceState | None = None

    def own_arguments(self) -> dict[str, Any]:
        """The service."""
        return {"service_name": self.service_name}

    @property
    def what(self) -> str:
        """The service, in words."""
        return f"web service {self.service_name}"

    def look(self, workspace: Workspace) -> WebService:
        """The service as it is."""
        return workspace.get_service(self.service_name)

    def is_settled(self, seen: WebService) -> bool:
        """Whether the deployment is over, well or not."""
        return seen.state in SETTLED_SERVICE_STATES

    def report(self, seen: WebService) -> None:
        """Log a new state."""
        if seen.state is not self._state:
            self._state = seen.state
            self.log.info("Web service %s is %s.", self.service_name, seen.state)

    def facts(self, seen: WebService | None) -> dict[str, Any]:
        """Which service, and how it is."""
        return {"service_name": self.service_name, "service_state": None if seen is None else seen.state.value}

    async def on_kill(self) -> None:
        """Nothing is undone: half a deployment taken back would leave clients with no service at all."""
        self.log.info("The deployment of web service %s goes on without the task.", self.service_name)
