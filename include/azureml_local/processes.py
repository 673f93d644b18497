"""Processes that outlive the server: started in a session of their own, known again by pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from azureml_local.files import read_json
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record

_SAME_START = 2.0
"""Seconds. psutil derives a start time from the boot time, which moves when the clock is set; a pid is not
reused by another process within two seconds."""


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity(Record):
    """A process, told from a later one with the same number by its start (Unix seconds)."""

    pid: int
    pid_started: float

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """The process that has `pid` now, or None."""
        try:
            return cls(pid=pid, pid_started=psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    @classmethod
    def read(cls, path: Path) -> ProcessIdentity | None:
        """The identity that a JSON file holds among its fields, or None."""
        content = read_json(path)
        if not isinstance(content, dict):
            return None
        try:
            return cls.from_dict(content)
        except InvalidRequest:
            return None

    def is_same(self, other: ProcessIdentity) -> bool:
        """Whether both name one process."""
        return self.pid == other.pid and abs(self.pid_started - other.pid_started) < _SAME_START

    def is_alive(self) -> bool:
        """Whether this very process still runs. A zombie does not: it only waits to be counted by its parent."""
        try:
            process = psutil.Process(self.pid)
            now = ProcessIdentity(pid=self.pid, pid_started=process.create_time())
            return now.is_same(self) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


class ManagedProcess:
    """A process of ours, started here or found again after a restart; the leader of its own process group."""

    def __init__(self, identity: ProcessIdentity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        self._child = child

    @classmethod
    def start(
        cls, command: Sequence[str], log_path: Path, *, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> ManagedProcess:
        """Start `command` in its own session, both outputs appended to `log_path`.

        It inherits this process's environment; `environment` is added to it.

        :raises OSError: it cannot be started.
        """
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        identity = ProcessIdentity.of(child.pid) or ProcessIdentity(pid=child.pid, pid_started=time.time())
        return cls(identity, child)

    @property
    def is_alive(self) -> bool:
        """Whether it still runs. A child of ours that ended is reaped here."""
        if self._child is not None:
            return self._child.poll() is None
        return self.identity.is_alive()

    @property
    def end_reason(self) -> str:
        """How it ended, in words. Of a process that an earlier server started nothing is known."""
        code = self._child.returncode if self._child is not None else None
        if code is None:
            return "its process is gone (killed from outside, or the machine ran out of memory or was restarted)"
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"

    def signal_alone(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        if self.is_alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.identity.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it started, unless the pid belongs to somebody else now.

        The group is still ours when its leader is gone: a pid is not given away while a group has its number.
        """
        now = ProcessIdentity.of(self.identity.pid)
        recycled = now is not None and not now.is_same(self.identity)
        if recycled or self.identity.pid_started < psutil.boot_time() - _SAME_START:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.identity.pid, number)

    def terminate(self, *, grace_seconds: float) -> None:
        """SIGTERM to the group, SIGKILL to what is left of it after the grace; returns when the process is gone."""
        self.signal_group(signal.SIGTERM)
        wait_until(lambda: not self.is_alive, grace_seconds)
        self.signal_group(signal.SIGKILL)
        wait_until(lambda: not self.is_alive, grace_seconds)


def wait_until(condition: Callable[[], bool], seconds: float, *, pause: float = 0.02) -> bool:
    """Wait for `condition` for at most `seconds`; gives whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def module_command(module: str, folder: Path) -> list[str]:
    """The command line of one of our own worker processes."""
    return [sys.executable, "-m", module, str(folder)]


def find_workers(module: str, below: Path) -> dict[Path, ProcessIdentity]:
    """Worker processes of `module` by the folder they were given, for folders below `below`.

    For the moment between starting a process and writing its pid down: a server killed there would lose it.
    """
    found: dict[Path, ProcessIdentity] = {}
    for process in psutil.process_iter(["cmdline", "create_time", "status"]):
        command = process.info["cmdline"] or []
        if module not in command or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        following = command[command.index(module) + 1 :]
        folder = Path(following[0]) if following else None
        if folder is not None and folder.is_relative_to(below) and _leads_a_group(process.pid):
            found[folder] = ProcessIdentity(pid=process.pid, pid_started=process.info["create_time"])
    return found


def _leads_a_group(pid: int) -> bool:
    """False for the processes a worker forked, which show the worker's own command line."""
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False
