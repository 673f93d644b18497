"""The surface as a part of the server's process: begun with it, ended with it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from starlette.middleware import Middleware

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.app import create_app
from azureml_local.azure_api.certificates import ensure_certificate
from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.environment import write_environment
from azureml_local.azure_api.listeners import Listener
from azureml_local.azure_api.pipelines import Scheduler
from azureml_local.azure_api.storage import Storage
from azureml_local.azure_api.surface import Surface
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_local.paths import Home
from azureml_local.server.workspace import LocalWorkspace
from azureml_local.services.ports import listen
from azureml_workspace.errors import InvalidRequest

HOST = "127.0.0.1"
"""Never another: the tokens travel as plain text."""
_BACKLOG = 128


@dataclass(frozen=True, kw_only=True)
class SdkPorts:
    """Where the surface listens; 0 takes any free port."""

    plain: int
    secure: int

    @classmethod
    def parse(cls, text: str) -> SdkPorts:
        """`8791,8792`, or `0` for any free ones. :raises InvalidRequest: it is neither."""
        first, _, second = text.partition(",")
        try:
            ports = cls(plain=int(first), secure=int(second or first))
        except ValueError:
            ports = cls(plain=-1, secure=-1)
        if ports != cls(plain=0, secure=0) and not (
            ports.plain != ports.secure and all(1 <= port <= 65535 for port in (ports.plain, ports.secure))
        ):
            raise InvalidRequest(f"SDK ports {text!r}: give two (http, https) such as 8791,8792, or 0 for any free.")
        return ports


class AzureApi:
    """The surface of one workspace, on two ports of this machine's loopback."""

    def __init__(
        self,
        home: Home,
        workspace: LocalWorkspace,
        token: str,
        ports: SdkPorts,
        *,
        outermost: Sequence[Middleware] = (),
    ) -> None:
        self._home = home
        self._workspace = workspace
        self._token = token
        self._ports = ports
        self._outermost = outermost
        self._stack = ExitStack()

    def start(self) -> Addresses:
        """Answer, and write down for clients where. :raises InvalidRequest: a port is taken."""
        folder = self._home.azure_api
        folder.mkdir(exist_ok=True, mode=0o700)
        certificate = ensure_certificate(folder)
        with ExitStack() as stack:
            plain, secure = (stack.enter_context(_bind(port)) for port in (self._ports.plain, self._ports.secure))
            addresses = Addresses(
                plain=f"http://{HOST}:{plain.getsockname()[1]}", secure=f"https://{HOST}:{secure.getsockname()[1]}"
            )
            documents = Documents(folder / "documents.db")
            stack.callback(documents.close)
            storage = Storage(folder / "storage", self._home, addresses)
            stack.callback(storage.close)
            surface = Surface(
                addresses=addresses,
                workspace=self._workspace,
                documents=documents,
                storage=storage,
                issuer=TokenIssuer(self._token),
                folder=folder,
            )
            app = create_app(surface, outermost=self._outermost)
            for listener in (Listener(app, plain), Listener(app, secure, certificate)):
                listener.start()
                stack.callback(listener.stop)
            scheduler = Scheduler(surface)
            scheduler.start()
            stack.callback(scheduler.stop)
            write_environment(folder, addresses, certificate.authority, surface.issuer.identity_secret)
            self._stack = stack.pop_all()
        return addresses

    def stop(self) -> None:
        """End, after the requests that are being answered."""
        self._stack.close()


def _bind(port: int) -> socket.socket:
    try:
        bound = listen(HOST, port)
        bound.listen(_BACKLOG)
    except OSError as error:
        raise InvalidRequest(
            f"port {port}, which the Azure ML SDK is to use, cannot be had ({error.strerror}); choose another with "
            "--sdk-ports, or 0 for any free ones."
        ) from error
    return bound
