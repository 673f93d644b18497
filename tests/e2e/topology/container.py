"""One container: a command with an environment of its own, started again when it ends, and killed as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.e2e.topology.container_init import descendants, kill_descendants

INIT = Path(__file__).with_name("container_init.py")

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 60.0
_FORGIVEN_AFTER_SECONDS = 10.0
"""Docker's own: the pause before a start doubles, and begins anew after ten seconds of running."""
_STOP_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """All in this machine's words. `uid` and `gid` are whom it runs as."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    health: list[str]
    restart: bool
    folder: Path
    log: Path
    uid: int
    gid: int


class Container:
    """Not started yet."""

    def __init__(self, spec: ContainerSpec) -> None:
        self.spec = spec
        self.starts = 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._init: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name=spec.name, daemon=True)

    def start(self) -> None:
        """Start it, and go on starting it when `restart` says so."""
        self._keeper.start()

    def wait(self, seconds: float) -> int:
        """The exit code of a container that ends by itself."""
        self._keeper.join(seconds)
        assert not self._keeper.is_alive(), f"{self.spec.name} did not end within {seconds:g} s; {self.last_words()}"
        assert self._init is not None
        return self._init.returncode

    def is_healthy(self) -> bool:
        """What its health check says now."""
        done = subprocess.run(
            self.spec.health,
            env=dict(self.spec.environment),
            cwd=self.spec.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return done.returncode == 0

    def kill(self) -> list[int]:
        """SIGKILL for every process of it at once, as when its machine is lost; gives their ids."""
        with self._lock:
            init = self._init
            if init is None or init.poll() is not None:
                return []
            pids = descendants(init.pid)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        init.wait(timeout=_STOP_SECONDS)
        return pids

    def processes(self) -> list[psutil.Process]:
        """Every process of it that lives."""
        if self._init is None or self._init.poll() is not None:
            return []
        found = []
        for pid in descendants(self._init.pid):
            try:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def stop(self) -> None:
        """End it for good: SIGTERM, then SIGKILL."""
        self._stopping.set()
        with self._lock:
            init = self._init
        if init is None or init.poll() is not None:
            return
        init.terminate()
        try:
            init.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_descendants(init.pid)
            init.wait(_STOP_SECONDS)

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.spec.log.read_text(errors="replace").splitlines() if self.spec.log.exists() else []
        return f"the last lines of {self.spec.log}:\n" + "\n".join(lines[-40:])

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            self._run_once()
            if not self.spec.restart:
                return
            ran_long = time.monotonic() - began > _FORGIVEN_AFTER_SECONDS
            pause = _FIRST_PAUSE_SECONDS if ran_long else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self._stopping.wait(pause)

    def _run_once(self) -> None:
        spec = self.spec
        init = [sys.executable, "-I", "-S", str(INIT), str(spec.uid), str(spec.gid)]
        with self._lock, spec.log.open("ab") as log:
            if self._stopping.is_set():
                return
            self.starts += 1
            self._init = subprocess.Popen(
                [*init, *spec.command],
                env=dict(spec.environment),
                cwd=spec.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._init.wait()
