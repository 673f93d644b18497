"""supervisord: its configuration, its start, and the commands it takes over its socket."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from azureml_local.processes import ProcessIdentity
from azureml_workspace.errors import ServiceUnavailable
from scripts.run.layout import Layout
from scripts.up.components import Component, components
from scripts.up.environment import CHECKOUT_VARIABLE, COMPONENT_VARIABLE
from scripts.up.ports import Ports
from scripts.up.state import Up, UpFiles

NAME = "supervisord"
PYTHON_VARIABLE = "MAKE_UP_PYTHON"
_ANSWER_SECONDS = 60.0
_LOG_SIZE = "10MB"

# No path is written into the file (a "%" or " ;" in one would change its meaning): relative ones begin at the checkout,
# where supervisord is started, and Python's comes out of the environment.
_HEADER = """\
; Written by `make up`; changes are lost.
[supervisord]
nodaemon=true
silent=true
logfile=.local/logs/supervisord.log
logfile_maxbytes={log_size}
logfile_backups=1
pidfile=%(here)s/supervisord.pid
childlogdir=.local/logs

[unix_http_server]
file={socket}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

# A component that dies is tried again for ever: the one that cannot start is said by `make up`, which gives up itself.
_PROGRAM = """
[program:{name}]
command="%(ENV_{python})s" -m scripts.up.component {name} {ui} {azureml}
priority={priority}
autostart=true
autorestart=true
startsecs={steady_seconds}
startretries=1000000
stopsignal=TERM
stopwaitsecs={stop_seconds}
stopasgroup={stops_group}
killasgroup=true
redirect_stderr=true
stdout_logfile=.local/logs/{name}.log
stdout_logfile_maxbytes={log_size}
stdout_logfile_backups=1
"""


@dataclass(frozen=True)
class ProcessState:
    """A component as supervisord sees it. `pid` is 0 while it does not run; `since` is Unix seconds, 0 never."""

    name: str
    state: str
    pid: int
    since: float


def configuration(files: UpFiles, ports: Ports) -> str:
    """The text of supervisord.conf."""
    inside = files.socket.parent == files.folder
    socket = f"%(here)s/{files.socket.name}" if inside else str(files.socket)
    parts = [_HEADER.format(socket=socket, log_size=_LOG_SIZE)]
    parts += [_program(component, ports) for component in components(files.layout, ports)]
    return "".join(parts)


def _program(component: Component, ports: Ports) -> str:
    return _PROGRAM.format(
        name=component.name,
        python=PYTHON_VARIABLE,
        ui=ports.ui,
        azureml=ports.azureml,
        priority=component.priority,
        steady_seconds=component.steady_seconds,
        stop_seconds=component.stop_seconds,
        stops_group=str(component.stops_group).lower(),
        log_size=_LOG_SIZE,
    )


def start(files: UpFiles, ports: Ports, inherited: Mapping[str, str]) -> Up:
    """Start supervisord and with it all components; gives what was started, as it is recorded.

    :raises ServiceUnavailable: it ended at once; with what it said.
    """
    layout = files.layout
    files.create()
    layout.logs.mkdir(parents=True, exist_ok=True)
    files.configuration.write_text(configuration(files, ports))
    output = layout.logs / "supervisord.out"
    with output.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(files.configuration)],
            cwd=layout.root,
            env=dict(inherited) | _marks(layout),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            umask=0o077,  # logs and database are for the owner alone
            start_new_session=True,  # Ctrl-C reaches `make up` alone, which then stops this in order
        )
    identity = ProcessIdentity.of(child.pid) or ProcessIdentity(pid=child.pid, pid_started=time.time())
    up = Up(pid=child.pid, pid_started=identity.pid_started, ui_port=ports.ui, azureml_port=ports.azureml)
    files.write(up)
    deadline = time.monotonic() + _ANSWER_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        if Supervisor(files).answers():
            return up
        time.sleep(0.05)
    raise ServiceUnavailable(f"supervisord did not start: {output.read_text(errors='replace').strip()[-2000:]}")


def _marks(layout: Layout) -> dict[str, str]:
    return {
        CHECKOUT_VARIABLE: str(layout.root),
        COMPONENT_VARIABLE: NAME,
        PYTHON_VARIABLE: sys.executable,
        "PYTHONUNBUFFERED": "1",
    }


class Supervisor:
    """The running supervisord of a checkout."""

    def __init__(self, files: UpFiles) -> None:
        self._layout = files.layout
        transport: Any = SupervisorTransport(None, None, f"unix://{files.socket}")
        # ServerProxy wants an http address; the transport knows better.
        self._rpc: Any = ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def answers(self) -> bool:
        """Whether it takes commands."""
        try:
            self._rpc.getState()
        except (OSError, HTTPException, ProtocolError):
            return False
        return True

    def processes(self) -> list[ProcessState]:
        """All components in the order of their start; none when supervisord does not answer."""
        try:
            found = self._rpc.getAllProcessInfo()
        except (OSError, HTTPException, ProtocolError, Fault):
            return []
        order = [component.name for component in components(self._layout, Ports())]
        states = [
            ProcessState(name=info["name"], state=info["statename"], pid=info["pid"], since=float(info["start"]))
            for info in found
        ]
        return sorted(states, key=lambda state: order.index(state.name))
