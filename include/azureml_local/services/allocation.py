"""Which port a web service gets."""

from __future__ import annotations

import threading

from azureml_local.services.ports import PortRange, is_free
from azureml_local.store.services import ServiceStore, StoredService


class PortAllocator:
    """Gives ports to the services of one workspace, and knows which it gave by what is stored of them."""

    def __init__(self, host: str, ports: PortRange, store: ServiceStore) -> None:
        self.host = host
        self.giving = threading.Lock()
        """Held from `free` until the service is stored: before that, nobody else knows that its port is taken."""
        self._ports = ports
        self._store = store

    def free(self) -> int:
        """A port that is free now and that no service has. Another program may be quicker to take it.

        :raises Conflict: there is none.
        """
        return self._ports.pick(self.host, {service.port for service in self._store.list_all()})

    def is_lost(self, service: StoredService) -> bool:
        """Whether somebody else listens on the port of a service whose process does not run."""
        return not is_free(service.host, service.port)
