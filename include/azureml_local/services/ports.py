"""Ports for web services."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection
from dataclasses import dataclass

from azureml_workspace.errors import Conflict, InvalidRequest

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
"""A DNS name, an IPv4 or an IPv6 address."""

ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 (compared with, not bound to)


@dataclass(frozen=True)
class PortRange:
    """The ports that web services may get, both ends included; 0 to 0 lets the system choose."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """`8800-8899`, a single port, or `0` for any free port. :raises InvalidRequest: it is none of these."""
        first, _, last = text.partition("-")
        try:
            ports = cls(int(first), int(last or first))
        except ValueError:
            ports = cls(-1, -1)
        is_any = ports == cls(0, 0)
        if not is_any and not 1 <= ports.first <= ports.last <= 65535:
            raise InvalidRequest(f"service ports {text!r}: give a range such as 8800-8899, or 0 for any free port.")
        return ports

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def pick(self, host: str, taken: Collection[int]) -> int:
        """A free port that no service of ours has. :raises Conflict: there is none."""
        if self.first == 0:
            return _any_free_port(host, taken)
        for port in range(self.first, self.last + 1):
            if port not in taken and is_free(host, port):
                return port
        raise Conflict(
            f"no free port for a web service in {self}; delete a service that is not needed, "
            "or start the local Azure ML with a wider --service-ports."
        )


DEFAULT_PORTS = PortRange(8800, 8899)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on `port` now."""
    try:
        listen(host, port).close()
    except OSError:
        return False
    return True


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, as servers bind. :raises OSError: the port is taken or the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def reachable_host(host: str) -> str:
    """The address under which a client on this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ANY_ADDRESS else host


def http_url(host: str, port: int) -> str:
    """The base URL of a server that listens on `host`."""
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def require_host_name(host: str) -> None:
    """:raises InvalidRequest: others could not reach anything under `host`."""
    if host in ANY_ADDRESS or not _HOST_NAME.fullmatch(host):
        raise InvalidRequest(
            f"--advertise-host is {host!r}; give the name or address under which clients reach this server, without "
            "scheme, port or path, such as azureml or 10.0.0.5."
        )


def _any_free_port(host: str, taken: Collection[int]) -> int:
    while True:
        with listen(host, 0) as bound:
            port: int = bound.getsockname()[1]
        if port not in taken:
            return port
