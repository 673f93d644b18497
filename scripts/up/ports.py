"""The ports of `make up`, checked before anything is started."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection
from dataclasses import dataclass

import psutil

from azureml_workspace.errors import InvalidRequest

HOST = "127.0.0.1"
LONGEST_COMMAND = 120
"""Characters shown of the command line that holds a port."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """`ui` is Airflow's: pages, REST API and what its tasks talk to. Nothing else of Airflow listens."""

    ui: int = 8080
    azureml: int = 8790

    def validate(self) -> None:
        """:raises InvalidRequest: names the port that cannot be."""
        for variable, port in self.by_variable().items():
            if not 1 <= port <= 65535:
                raise InvalidRequest(f"{variable} is {port}; give 1 to 65535.")
        if self.ui == self.azureml:
            raise InvalidRequest(f"UI_PORT and AZUREML_PORT are both {self.ui}; give two different ports.")

    def by_variable(self) -> dict[str, int]:
        """The ports under the names that `make up` knows them by."""
        return {"UI_PORT": self.ui, "AZUREML_PORT": self.azureml}

    @property
    def ui_url(self) -> str:
        """Where Airflow answers."""
        return f"http://{HOST}:{self.ui}"

    @property
    def azureml_url(self) -> str:
        """Where the local Azure ML answers."""
        return f"http://{HOST}:{self.azureml}"


@dataclass(frozen=True, kw_only=True)
class PortChoice:
    """The ports that a person asked for; None is any that suits."""

    ui: int | None = None
    azureml: int | None = None

    def ports(self) -> Ports:
        """:raises InvalidRequest: a port cannot be."""
        chosen = Ports(
            ui=Ports.ui if self.ui is None else self.ui,
            azureml=Ports.azureml if self.azureml is None else self.azureml,
        )
        chosen.validate()
        return chosen

    def allows(self, ports: Ports) -> bool:
        """Whether these will do."""
        return self.ui in {None, ports.ui} and self.azureml in {None, ports.azureml}


def require_free(ports: Ports, except_from: Collection[int] = ()) -> None:
    """Nobody has the ports but perhaps the processes `except_from` (pids), which are about to end.

    :raises InvalidRequest: every port that cannot be had, what holds it, and what to do.
    """
    taken = [_taken(variable, port, except_from) for variable, port in ports.by_variable().items()]
    if messages := [message for message in taken if message]:
        raise InvalidRequest("\n  ".join(["nothing was started:", *messages]))


def _taken(variable: str, port: int, except_from: Collection[int]) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            pid = _listener(port)
            if pid in except_from:
                return None
            # A port below 1024 that only root may have is no business of another program's.
            reason = f"is held by {_described(pid)}" if error.errno == errno.EADDRINUSE else f"cannot be had: {error}"
            return f"port {port} {reason}; end that, or choose another port: make up {variable}={_suggestion(port)}"
    return None


def _listener(port: int) -> int | None:
    """The pid of the process that listens on a port, as far as this user may know."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS tells root alone
        connections = []
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        if listens and connection.pid is not None:
            return int(connection.pid)
    return None


def _described(pid: int | None) -> str:
    if pid is None:
        return "another program (which one only its owner or root can see)"
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return f"pid {pid}"
    shown = command if len(command) <= LONGEST_COMMAND else command[:LONGEST_COMMAND] + "..."
    return f"pid {pid} ({shown})"


def _suggestion(port: int) -> int:
    """A free port nearby, or any free one."""
    for candidate in (*range(port + 1, min(port + 20, 65536)), 0):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return port
