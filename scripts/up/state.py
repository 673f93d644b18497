"""`.local/up/`: what runs, for the next `make up`, `make down`, `make status` and `make run`."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azureml_local.files import read_json, write_json
from azureml_local.processes import ProcessIdentity
from azureml_workspace.errors import Conflict, InvalidRequest
from azureml_workspace.records import Record
from scripts.run.layout import Layout
from scripts.up.ports import Ports

_LONGEST_SOCKET_PATH = 90
"""Bytes. The kernel's limit is 108, and supervisord binds a longer name first and renames it."""


@dataclass(frozen=True, kw_only=True)
class Up(Record):
    """`.local/up/up.json`: supervisord's process (its start in Unix seconds) and the ports of what it runs."""

    pid: int
    pid_started: float
    ui_port: int
    azureml_port: int

    @property
    def ports(self) -> Ports:
        """What was asked for."""
        return Ports(ui=self.ui_port, azureml=self.azureml_port)


@dataclass(frozen=True)
class UpFiles:
    """The files of one checkout's `make up`."""

    layout: Layout

    @property
    def folder(self) -> Path:
        """Holds the others; for the owner alone."""
        return self.layout.local / "up"

    @property
    def configuration(self) -> Path:
        """supervisord's."""
        return self.folder / "supervisord.conf"

    @property
    def record(self) -> Path:
        """`Up`, there from the start of supervisord to the end of `make down`."""
        return self.folder / "up.json"

    @property
    def socket(self) -> Path:
        """Where supervisord takes commands. In /tmp when the checkout's path is too long for a socket's name."""
        inside = self.folder / "supervisor.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
        return Path("/tmp") / f"airflow-azureml-{digest}" / "supervisor.sock"  # noqa: S108

    def create(self) -> None:
        """Make the folders. :raises Conflict: somebody else has one of that name."""
        for folder in (self.folder, self.socket.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                raise Conflict(f"{folder} belongs to somebody else; remove it.")

    def running(self) -> Up | None:
        """What runs now, or None. What a killed supervisord left behind does not count."""
        content = read_json(self.record)
        if not isinstance(content, dict):
            return None
        try:
            up = Up.from_dict(content)
        except InvalidRequest:
            return None
        return up if ProcessIdentity(pid=up.pid, pid_started=up.pid_started).is_alive() else None

    def write(self, up: Up) -> None:
        """Tell others."""
        write_json(self.record, up)

    def remove(self) -> None:
        """Nothing runs any more."""
        for path in (self.record, self.socket):
            path.unlink(missing_ok=True)
        if self.socket.parent != self.folder and self.socket.parent.is_dir():
            self.socket.parent.rmdir()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One `make up` or `make down` at a time. :raises Conflict: another one is at work."""
        self.layout.local.mkdir(parents=True, exist_ok=True)
        with locked(self.layout.local / "up.lock", "another `make up` or `make down` of this checkout is at work"):
            yield


@contextmanager
def locked(path: Path, otherwise: str) -> Iterator[None]:
    """Hold a lock file. :raises Conflict: somebody else does; with the reason given."""
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"{otherwise}; wait for it, or stop it there.") from error
        yield
