"""Runs the server in this process, from taking the lock to giving the address up again."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn

from azureml_local.azure_api.environment import forget_environment
from azureml_local.azure_api.ports import SdkPorts
from azureml_local.jobs.dispatcher import JobCommand, automl_command
from azureml_local.paths import Home
from azureml_local.server.app import create_app
from azureml_local.server.instance import DEFAULT_PORT, InstanceLock, ServerInfo, ensure_token, program_version
from azureml_local.server.logs import configure_logging
from azureml_local.server.workspace import LocalWorkspace, WorkspaceConfig
from azureml_local.services.ports import DEFAULT_PORTS, PortRange, http_url, listen, require_host_name
from azureml_local.troubles import in_one_line
from azureml_workspace.errors import InvalidRequest, WorkspaceError

if TYPE_CHECKING:
    from azureml_local.azure_api.serving import AzureApi

logger = logging.getLogger(__name__)

_BACKLOG = 256
_DRAIN_SECONDS = 5


class StartFailed(WorkspaceError):
    """The server has its address, but cannot begin its work."""


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """How to serve. Port 0 takes any free one.

    `advertised_host` is what the addresses name that clients are given, where they do not reach `host`: in a network
    of containers. `token` is the control plane's, from now on; None keeps the one there is, or makes one.
    `azureml_sdk`: where the Azure ML SDK v1 finds this server as if it were Azure; None: nowhere.
    """

    home: Home
    host: str = "127.0.0.1"
    advertised_host: str | None = None
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    service_ports: PortRange = DEFAULT_PORTS
    azureml_sdk: SdkPorts | None = None
    job_command: JobCommand = automl_command
    cores: int | None = None


def serve(config: ServeConfig, on_started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. Jobs and web services go on afterwards; the next server takes them up.

    `on_started` is called with the URL as soon as the server answers.

    :raises AlreadyRunning: a server lives on this state folder.
    :raises InvalidRequest: the address cannot be had, or host name or token cannot work; says what to do.
    :raises StartFailed: the state folder is damaged, or cannot be written.
    """
    if config.advertised_host is not None:
        require_host_name(config.advertised_host)
    os.umask(0o077)  # whatever this process, a job or a web service writes is for the owner alone
    config.home.create()
    with ExitStack() as stack:
        stack.enter_context(InstanceLock(config.home))
        listener = stack.enter_context(_bind(config.host, config.port))
        sdk = _azure_api(config)
        if sdk is not None:
            stack.callback(sdk.stop)
        port = listener.getsockname()[1]
        url = http_url(config.host, port)
        token = ensure_token(config.home, config.token)
        configure_logging(config.home.log_file)
        workspace = LocalWorkspace(
            WorkspaceConfig(
                home=config.home,
                base_url=http_url(config.advertised_host or config.host, port),
                host=config.host,
                advertised_host=config.advertised_host,
                service_ports=config.service_ports,
                job_command=config.job_command,
                cores=config.cores,
            )
        )

        def announce() -> None:
            sdk_url = None if sdk is None else sdk.start(workspace, token).secure
            if sdk_url is not None:
                logger.info("the Azure ML SDK finds this server at %s", sdk_url)
            ServerInfo.write(config.home, url, azureml_sdk=sdk_url)
            on_started(url)

        # The surface ends before the workspace does that it asks.
        app = create_app(workspace, token, announce, sdk.stop if sdk is not None else lambda: None)
        logger.info("local Azure ML %s at %s, pid %d", program_version(), url, os.getpid())
        _ignore_repeated_signals()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,  # `RequestLog` does, and knows what must not be logged
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        try:
            server.run(sockets=[listener])
        except SystemExit as error:  # so Uvicorn ends when the application cannot start
            reason = getattr(app.state, "start_error", error)
            raise StartFailed(
                f"the local Azure ML cannot start ({in_one_line(reason)}); see {config.home.log_file}."
            ) from reason
        finally:
            config.home.server_file.unlink(missing_ok=True)
            logger.info("local Azure ML stopped")


def _azure_api(config: ServeConfig) -> AzureApi | None:
    """The surface for the SDK, which has its ports. :raises InvalidRequest: they cannot be had."""
    if config.azureml_sdk is None:
        forget_environment(config.home.azure_api)  # of a server before this one
        return None
    from azureml_local.azure_api.serving import AzureApi  # a third of all modules of a server, for this alone

    return AzureApi(config.home, config.azureml_sdk)


def _bind(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; they wait until the server is ready."""
    if not 0 <= port <= 65535:
        raise InvalidRequest(f"port {port} cannot be; give --port 1 to 65535, or 0 for any free one.")
    try:
        listener = listen(host, port)
        listener.listen(_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InvalidRequest(
                f"port {port} on {host} is taken by another program; choose another with --port "
                "(0 takes any free one), or end that program."
            ) from error
        raise InvalidRequest(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another address with --host and --port."
        ) from error
    return listener


def _ignore_repeated_signals() -> None:
    """Uvicorn raises the signal that stopped it once more when it is done; then only the clean-up here is left."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
