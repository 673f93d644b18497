"""`python -m scripts.up.airflow_main`: `python -m airflow`, each of whose forks dies with the process that forked it.

Airflow's own do not: when a worker is killed, the process of its task lives on and does the same as the next try.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


class BoundToParent:
    """Has the kernel kill a fork when its parent is gone, however that went. Linux alone can do that.

    The kernel means the parent's thread, so it is for what the main thread forks, which lives as long as the process:
    workers, tasks, parsers, the triggerer's runner. What a task's own threads fork is left alone.
    """

    def __init__(self) -> None:
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._parent = 0
        os.register_at_fork(before=self._note_parent, after_in_child=self._bind)

    def _note_parent(self) -> None:
        in_main = threading.current_thread() is threading.main_thread()
        self._parent = os.getpid() if in_main else 0

    def _bind(self) -> None:
        if not self._parent:
            return
        self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:  # it went before the kernel knew
            os._exit(1)


def main() -> None:
    """Airflow's command line."""
    if sys.platform == "linux":
        BoundToParent()
    from airflow.__main__ import main as airflow

    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
