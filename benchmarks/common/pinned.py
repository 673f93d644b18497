"""A server process on cores of its own: started, measured, ended with everything it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil


class ServerFailed(Exception):
    """The server ended or never answered; the message holds the end of its log."""


class PinnedServer:
    """A running server and the processes below it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._root = psutil.Process(process.pid)

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far, ended children included.

        The kernel counts in ticks of 10 ms, so differences are only meant for intervals of a second and more.
        """
        total = 0.0
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
                if process == self._root:
                    total += times.children_user + times.children_system
        return total

    def rss_mb(self) -> float:
        """Resident memory of all its processes, in 10^6 bytes; pages they share count in each."""
        total = 0
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 1e6

    def wait_until_healthy(self, uri: str, timeout: float = 60.0) -> None:
        """Until `GET uri` answers 200. :raises ServerFailed:"""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed(f"it ended with code {self._process.returncode}:\n{self._tail()}")
            with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(uri, timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.05)
        raise ServerFailed(f"{uri} did not answer within {timeout:g} s:\n{self._tail()}")

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


@contextlib.contextmanager
def pinned_server(
    command: Sequence[str],
    *,
    cores: Sequence[int],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[PinnedServer]:
    """Run `command` in `folder` on `cores`; its output goes to `server.log` there. Ended at the end of the block."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, set(cores)),
        )
    try:
        yield PinnedServer(process, log)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask, then kill; the second round also takes what a leader that has ended left in its group."""
    for number, patience in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


@contextlib.contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Run the block's own threads on `cores` alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def split_cores() -> tuple[list[int], list[int]]:
    """The core of the server and the core of the client; the same one where there is no second."""
    usable = sorted(os.sched_getaffinity(0))
    return [usable[0]], [usable[-1]]
