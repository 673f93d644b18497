"""Processes of this checkout's `make up` that nobody looks after any more, found by their environment and ended.

Process groups and parents do not tell: a task leads a group of its own, and what a killed process leaves behind
belongs to init.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import psutil

from azureml_local.processes import ProcessIdentity, wait_until
from scripts.run.layout import Layout
from scripts.up.environment import CHECKOUT_VARIABLE, COMPONENT_VARIABLE


@dataclass(frozen=True)
class Found:
    """A process that belongs to a component, or to supervisord itself."""

    identity: ProcessIdentity
    component: str
    command: str


def find(layout: Layout, component: str | None = None) -> list[Found]:
    """All of this checkout's `make up`, or those of one component; never this process."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is somebody else's
            environment = process.environ()
            mine = environment.get(CHECKOUT_VARIABLE) == str(layout.root) and process.pid != os.getpid()
            name = environment.get(COMPONENT_VARIABLE, "")
            if mine and component in {None, name} and process.status() != psutil.STATUS_ZOMBIE:
                identity = ProcessIdentity(pid=process.pid, pid_started=process.create_time())
                found.append(Found(identity, name, " ".join(process.cmdline())))
    return found


def end(layout: Layout, component: str | None = None, *, grace_seconds: float) -> list[Found]:
    """End them, SIGTERM first when they get a grace; gives what was there."""
    first = find(layout, component)
    if first and grace_seconds:
        # The top of each tree: a worker hands the signal on to its task in good order.
        _signal(first, signal.SIGTERM)
        wait_until(lambda: not find(layout, component), grace_seconds, pause=0.2)

    def none_left() -> bool:
        left = find(layout, component)
        _signal(left, signal.SIGKILL)
        return not left

    wait_until(none_left, 10.0, pause=0.05)  # again and again: one may fork while it is looked for
    return first


def _signal(processes: list[Found], number: signal.Signals) -> None:
    for process in processes:
        if process.identity.is_alive():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.identity.pid, number)
