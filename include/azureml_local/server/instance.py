"""One server per state folder: the lock that makes sure of it, and `server.json`, which tells others where it is."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self

import msgspec

from azureml_local.files import read_json, write_bytes, write_json
from azureml_local.paths import Home
from azureml_local.processes import ProcessIdentity, wait_until
from azureml_workspace.errors import Conflict, InvalidRequest
from azureml_workspace.records import Record

DISTRIBUTION = "airflow-azureml"
DEFAULT_PORT = 8790
"""Where the server listens unless it is told otherwise."""
TOKEN_VARIABLE = "AZUREML_LOCAL_TOKEN"  # noqa: S105 (the name of a variable, no token)
"""May hold the token that `serve` is to use, where another program has to know it beforehand."""
_GOOD_TOKEN = re.compile(r"[!-~]{16,}")
_GIVEN_BACK_SECONDS = 5.0


class AlreadyRunning(Conflict):
    """A server of this state folder lives already."""


@dataclass(frozen=True, kw_only=True)
class ServerInfo(Record):
    """`server.json`. `azureml_sdk`: where the Azure ML SDK finds the server; None: nowhere."""

    url: str
    pid: int
    pid_started: float
    version: str
    azureml_sdk: str | None = None

    @classmethod
    def read(cls, home: Home) -> ServerInfo | None:
        """The server that lives there now, or None. What a killed one left behind does not count."""
        content = read_json(home.server_file)
        if not isinstance(content, dict):
            return None
        try:
            info = cls.from_dict(content)
        except InvalidRequest:
            return None
        return info if info.process.is_alive() else None

    @classmethod
    def write(cls, home: Home, url: str, *, azureml_sdk: str | None = None) -> None:
        """Tell others that this process answers at `url`, and the Azure ML SDK at `azureml_sdk`."""
        this = this_process()
        info = cls(
            url=url,
            pid=this.pid,
            pid_started=this.pid_started,
            version=program_version(),
            azureml_sdk=azureml_sdk,
        )
        write_json(home.server_file, info)

    @property
    def process(self) -> ProcessIdentity:
        """The server's process."""
        return ProcessIdentity(pid=self.pid, pid_started=self.pid_started)


class InstanceLock:
    """The right to be the one server (or the one clean-up) of a state folder, for as long as the context lasts.

    A flock, so that the kernel gives it back however the process ends.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    def __enter__(self) -> Self:
        """:raises AlreadyRunning: somebody else has it."""
        self._descriptor = os.open(self._home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # The kernel gives the lock of a killed server back a moment after the process looks dead.
        wait_until(lambda: self._try_lock() or lock_owner(self._home) is not None, _GIVEN_BACK_SECONDS)
        if not self._try_lock():
            os.close(self._descriptor)
            owner = lock_owner(self._home)
            pid = f" (pid {owner.pid})" if owner is not None else ""
            raise AlreadyRunning(
                f"a local Azure ML{pid} runs already on {self._home.root}; use it, "
                "end it with `python -m azureml_local stop`, or give another folder with --home."
            )
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(this_process()), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Emptied, because this process may live on and must not be taken for a server. Not removed: a second one
        # could lock a new file while a third waits on the old.
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def lock_owner(home: Home) -> ProcessIdentity | None:
    """The live process that took the lock last, server.json or not, or None."""
    owner = ProcessIdentity.read(home.lock_file)
    return owner if owner is not None and owner.is_alive() else None


def this_process() -> ProcessIdentity:
    """This process."""
    identity = ProcessIdentity.of(os.getpid())
    if identity is None:
        raise RuntimeError("the system does not tell this process about itself; is /proc mounted?")
    return identity


def ensure_token(home: Home, given: str | None = None) -> str:
    """The control plane's token, made on first use and readable by the owner alone; `given` takes its place.

    :raises InvalidRequest: the given one is too short, or no header could carry it.
    """
    if given is not None and not _GOOD_TOKEN.fullmatch(given):
        raise InvalidRequest(
            f"the token in {TOKEN_VARIABLE} cannot be used; give at least 16 printable characters without spaces, "
            "such as those of `openssl rand -hex 32`."
        )
    try:
        token = home.token_file.read_text().strip()
    except FileNotFoundError:
        token = ""
    if not token or given not in (None, token):
        token = given or secrets.token_urlsafe(32)
        write_bytes(home.token_file, f"{token}\n".encode(), mode=0o600)
    return token


def program_version() -> str:
    """The version of this project, as installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0 (not installed)"
