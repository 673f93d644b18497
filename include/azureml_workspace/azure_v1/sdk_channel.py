"""JSON lines to and from a child process, each within a deadline."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

_PART_BYTES = 64 * 1024


class Late(Exception):
    """The deadline passed."""


class Channel:
    """The standard input and output of `process`, which was started with pipes and without buffers."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process has no pipes")
        self._input: IO[bytes] = process.stdin
        self._output: IO[bytes] = process.stdout
        self._read = bytearray()
        # A child that does not read, because it is busy or hangs, must not hold up who writes.
        os.set_blocking(self._input.fileno(), False)

    def send(self, message: Mapping[str, Any], deadline: float) -> None:
        """Write one message. :raises Late: :raises OSError: nobody reads any more."""
        left = memoryview(json.dumps(message).encode() + b"\n")
        with selectors.DefaultSelector() as selector:
            selector.register(self._input, selectors.EVENT_WRITE)
            while left:
                _wait(selector, deadline)
                with suppress(BlockingIOError):
                    left = left[os.write(self._input.fileno(), left) :]

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message. :raises Late: :raises EOFError: the process ended. :raises ValueError: it is none."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while b"\n" not in self._read:
                _wait(selector, deadline)
                part = os.read(self._output.fileno(), _PART_BYTES)
                if not part:
                    raise EOFError("it ended")
                self._read += part
        line, _, rest = self._read.partition(b"\n")
        self._read = bytearray(rest)
        return dict(json.loads(line))

    def close(self) -> None:
        """Close both ends."""
        for stream in (self._input, self._output):
            with suppress(OSError):
                stream.close()


def _wait(selector: selectors.BaseSelector, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not selector.select(left):
        raise Late
