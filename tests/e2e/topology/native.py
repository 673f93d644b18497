"""What has to be said differently when containers share one machine: host names, ports, addresses, and paths.

Nothing else of a command or an environment is changed.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ANY_ADDRESS = re.compile(r"0\.0\.0\.0|(?<=listen_addresses=)\*")
_RANGE = re.compile(r"8800-8809")

SHARED_PORTS = (5432, 6379, 8080, 8790)
"""Where one service reaches another."""
OWN_PORTS = (8793, 8794, 8974)
"""Where a container listens for itself alone: other containers of the service listen on the same number."""


def free_ports(count: int, taken: Iterable[int] = ()) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the parts of the topology are on this machine."""

    hosts: Iterable[str]
    ports: Mapping[int, int] = field(
        default_factory=lambda: dict(zip(SHARED_PORTS, free_ports(len(SHARED_PORTS)), strict=True))
    )

    def for_container(self, root: Path, folders: Iterable[str]) -> Translation:
        """For a container whose file system begins at `root`; `folders` are those that are its own."""
        own = dict(zip(OWN_PORTS, free_ports(len(OWN_PORTS)), strict=True))
        return Translation(hosts=tuple(self.hosts), ports={**self.ports, **own}, root=root, folders=tuple(folders))


@dataclass(frozen=True, kw_only=True)
class Translation:
    """From a container's words to this machine's."""

    hosts: tuple[str, ...]
    ports: Mapping[int, int]
    root: Path
    folders: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """The text as it is meant here."""
        names, numbers = "|".join(self.hosts), "|".join(map(str, self.ports))
        text = _RANGE.sub("0", text)
        text = re.sub(rf"(?<![\w.])({numbers})(?![\w.])", lambda found: str(self.ports[int(found[0])]), text)
        # Where a name is an address: behind `//`, `@` or `=`. Elsewhere it is a word such as that of a program.
        text = re.sub(rf"(?:(?<=//)|(?<=@)|(?<==))({names})(?=[:/]|$)", "127.0.0.1", text)
        text = _ANY_ADDRESS.sub("127.0.0.1", text)
        for folder in self.folders:
            text = re.sub(rf"(?<![\w.-])(?<![\w]/){re.escape(folder)}(?![\w-])", f"{self.root}{folder}", text)
        return text
