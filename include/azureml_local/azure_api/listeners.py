"""The two addresses of the surface, each served by a thread of the server's process."""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from azureml_local.azure_api.certificates import Certificate
from azureml_local.processes import wait_until

_START_SECONDS = 10.0
_DRAIN_SECONDS = 2


class Listener:
    """Serves `app` on a bound socket, with TLS when there is a certificate."""

    def __init__(self, app: ASGIApp, bound: socket.socket, certificate: Certificate | None = None) -> None:
        tls: dict[str, Any] = {}
        if certificate is not None:
            tls = {"ssl_certfile": str(certificate.certificate), "ssl_keyfile": str(certificate.key)}
        self._socket = bound
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                **tls,
            )
        )
        # Not in the main thread, so that Uvicorn leaves the signals to the control plane's own server.
        self._thread = threading.Thread(target=self._server.run, args=([bound],), name="azureml-sdk", daemon=True)

    def start(self) -> None:
        """Serve. :raises RuntimeError: it did not begin within ten seconds."""
        self._thread.start()
        if not wait_until(lambda: self._server.started, _START_SECONDS):
            raise RuntimeError(f"nothing answers on {self._socket.getsockname()}")

    def stop(self) -> None:
        """End, after the requests that are being answered."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
