"""The surface as a part of the server's process: begun with it, ended with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from starlette.middleware import Middleware

from azureml_local.azure_api.addresses import Addresses
from azureml_local.azure_api.app import create_app
from azureml_local.azure_api.certificates import ensure_certificate, write_bundle
from azureml_local.azure_api.documents import Documents
from azureml_local.azure_api.environment import forget_environment, write_environment
from azureml_local.azure_api.listeners import Listener
from azureml_local.azure_api.pipelines import Scheduler
from azureml_local.azure_api.ports import HOST, SdkPorts, bind
from azureml_local.azure_api.storage import Storage
from azureml_local.azure_api.surface import Surface
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_local.paths import Home
from azureml_local.server.workspace import LocalWorkspace


class AzureApi:
    """The surface of one workspace, on two ports of this machine's loopback.

    Made before the workspace, so that a port that is taken ends the server before any run is taken up.
    """

    def __init__(self, home: Home, ports: SdkPorts, *, outermost: Sequence[Middleware] = ()) -> None:
        """Take the ports and the certificate. :raises InvalidRequest: a port is taken."""
        self._home = home
        self._outermost = outermost
        self._folder = home.azure_api
        self._folder.mkdir(exist_ok=True, mode=0o700)
        self._certificate = ensure_certificate(self._folder)
        with ExitStack() as stack:
            self._plain, self._secure = (stack.enter_context(bind(port)) for port in (ports.plain, ports.secure))
            self._stack = stack.pop_all()

    def start(self, workspace: LocalWorkspace, token: str) -> Addresses:
        """Answer for `workspace`, and write down for clients where. `token`: the control plane's."""
        addresses = Addresses(
            plain=f"http://{HOST}:{self._plain.getsockname()[1]}",
            secure=f"https://{HOST}:{self._secure.getsockname()[1]}",
        )
        documents = Documents(self._folder / "documents.db")
        self._stack.callback(documents.close)
        storage = Storage(self._folder / "storage", self._home, addresses)
        self._stack.callback(storage.close)
        surface = Surface(
            addresses=addresses,
            workspace=workspace,
            documents=documents,
            storage=storage,
            issuer=TokenIssuer(token),
            folder=self._folder,
        )
        app = create_app(surface, outermost=self._outermost)
        for listener in (Listener(app, self._plain), Listener(app, self._secure, self._certificate)):
            listener.start()
            self._stack.callback(listener.stop)
        scheduler = Scheduler(surface)
        scheduler.start()
        self._stack.callback(scheduler.stop)
        bundle = write_bundle(self._certificate)
        write_environment(self._folder, addresses, bundle, surface.issuer.identity_secret)
        self._stack.callback(forget_environment, self._folder)
        return addresses

    def stop(self) -> None:
        """End, after the requests that are being answered, and give the ports back; again, it changes nothing."""
        self._stack.close()
