"""The life of a web service process: load, listen, serve and follow, finish what runs, flush, end."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from azureml_local.processes import ProcessIdentity
from azureml_local.scoring.app import build_app
from azureml_local.scoring.config import LOG_FILE, STATUS_FILE, ServiceConfig, ServiceStatus, read_config, write_status
from azureml_local.scoring.connections import PatientConnection, drop_late_connections
from azureml_local.scoring.endpoint import ScoreEndpoint
from azureml_local.scoring.follow import Follower, read_key_ring
from azureml_local.scoring.logs import log_to_stdout
from azureml_local.scoring.model import LoadedModel
from azureml_local.scoring.script import ScriptModel
from azureml_local.scoring.serving import Serving
from azureml_workspace.errors import InvalidRequest

log = logging.getLogger(__name__)

_FINISH_SECONDS = 4
"""For running requests after SIGTERM; the control plane sends SIGKILL a second later."""
_BACKLOG = 2048
_SWITCH_SECONDS = 0.0005
"""How long a thread with a long batch may keep the interpreter from the event loop; a tenth of Python's default."""


class _PortTaken(InvalidRequest):
    """Somebody else listens on the port."""


def run_service(service_dir: Path) -> int:
    """Serve until SIGTERM; gives the exit code. A start that fails is told in `status.json` and the log."""
    log_to_stdout(service_dir / LOG_FILE)
    identity = ProcessIdentity.of(os.getpid())
    if identity is None:
        log.critical("this process cannot read its own start time")
        return 1
    (service_dir / STATUS_FILE).unlink(missing_ok=True)  # it speaks of an earlier process
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    generation = 0
    try:
        config = read_config(service_dir)
        generation = config.generation
        listener = _listen(config)
        serving = _load(service_dir, config)
    except InvalidRequest as error:
        return _fail(service_dir, identity, generation, str(error), port_taken=isinstance(error, _PortTaken))
    except Exception as error:
        log.exception("unexpected error at start")
        return _fail(service_dir, identity, generation, f"{type(error).__name__}: {error}")
    _serve(serving, listener, identity)
    return 0


def _fail(
    service_dir: Path, identity: ProcessIdentity, generation: int, reason: str, *, port_taken: bool = False
) -> int:
    log.critical("failed to start: %s", reason)
    failed = ServiceStatus(
        pid=identity.pid,
        pid_started=identity.pid_started,
        generation=generation,
        state="Failed",
        error=reason,
        model_version=None,
        port_taken=port_taken,
    )
    write_status(service_dir, failed)
    return 1


def _load(service_dir: Path, config: ServiceConfig) -> Serving:
    keys = read_key_ring(service_dir, config)
    named = Path(config.model_dir), config.model_name, config.model_version
    model = LoadedModel(*named) if config.script is None else ScriptModel(*named, config.script)
    log.info("model %s version %d loaded", model.name, model.version)
    return Serving(service_dir=service_dir, config=config, model=model, keys=keys)


def _serve(serving: Serving, listener: socket.socket, identity: ProcessIdentity) -> None:
    config = serving.config
    endpoint = ScoreEndpoint(serving)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await serving.switch_insights(config)
        tasks = [
            asyncio.create_task(Follower(serving, identity).run()),
            asyncio.create_task(drop_late_connections(server, config.body_timeout, config.idle_timeout)),
        ]
        log.info("service %s answers on http://%s:%d/score", config.name, config.host, config.port)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        endpoint.close()
        await serving.stop_insights()
        log.info("service %s stopped", config.name)

    server = uvicorn.Server(
        uvicorn.Config(
            build_app(serving, endpoint, lifespan),
            loop="uvloop",
            http=PatientConnection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=int(config.idle_timeout),
            timeout_graceful_shutdown=_FINISH_SECONDS,
        )
    )
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # the model and the modules live for ever; collections need not walk them again
    with suppress(SystemExit):  # uvicorn raises the signals it caught once more when it is done
        server.run(sockets=[listener])


def _listen(config: ServiceConfig) -> socket.socket:
    """Bind the port; connections wait in the backlog until the model is there. :raises InvalidRequest:"""
    listener = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(_BACKLOG)  # two that bound one port at the same time are told apart only here
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        kind = _PortTaken if taken else InvalidRequest
        raise kind(f"cannot listen on {config.host}:{config.port}: {error}.") from error
    listener.set_inheritable(False)
    _raise_file_limit()
    return listener


def _raise_file_limit() -> None:
    """Every idle connection holds a descriptor, and the usual soft limit is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
