"""What `init: true` and the kernel do for a container: `python container_init.py UID GID COMMAND...`.

Whatever the command starts, however it detaches itself, stays below this process, and ends when the command ends or
when the test session is gone. SIGTERM is passed on to the command. The exit code is the command's,
128 and the signal's number when one ended it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, at this moment."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def kill_descendants(pid: int) -> None:
    """SIGKILL to all below `pid`, until there are none but zombies; killing one may uncover others."""
    while living := [found for found in descendants(pid) if _is_alive(found)]:
        for found in living:
            with suppress(ProcessLookupError):
                os.kill(found, signal.SIGKILL)
        if pid == os.getpid():
            _reap()


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> int:
    uid, gid, *command = sys.argv[1:]
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def end(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)

    def end_all(_number: int, _frame: FrameType | None) -> None:
        kill_descendants(os.getpid())
        os._exit(137)

    signal.signal(signal.SIGUSR1, end_all)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGUSR1, 0, 0, 0)
    identity = {} if int(uid) == os.geteuid() else {"user": int(uid), "group": int(gid), "extra_groups": []}
    child = subprocess.Popen(command, **identity)  # type: ignore[call-overload]
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pid, status = os.wait()  # orphans of the command are reaped here too
        if pid == child.pid:
            break
    kill_descendants(os.getpid())
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
