"""The two ports of the surface. The command line and every server read this; the surface itself they may not need."""

from __future__ import annotations

import socket
from dataclasses import dataclass

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


def bind(port: int) -> socket.socket:
    """A socket that takes connections from now on; they wait until something answers. :raises InvalidRequest:"""
    try:
        bound = listen(HOST, port)
        bound.listen(_BACKLOG)
    except OSError as error:
        raise InvalidRequest(
            f"port {port}, which the Azure ML SDK is to use, cannot be had ({error.strerror}); choose another with "
            "--sdk-ports, or 0 for any free ones."
        ) from error
    return bound
