"""The line to the adapter: messages by their kind, and the end of this process when the other side is gone."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any, BinaryIO

_LOOK_SECONDS = 1.0


class Line:
    """Takes over standard input and output; everything that the SDK prints goes to standard error instead.

    A thread reads: it tells tokens from operations, because threads of the SDK ask for tokens too, at any time. When
    the line is closed there is nobody to work for, and the process ends, in the middle of an operation if need be.
    """

    def __init__(self) -> None:
        self._input: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._output: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._operations: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._tokens: SimpleQueue[str] = SimpleQueue()
        self._writing = threading.Lock()
        self._asking = threading.Lock()
        threading.Thread(target=self._listen, name="line", daemon=True).start()

    def read(self) -> dict[str, Any]:
        """The next message that is no token."""
        return self._operations.get()

    def write(self, message: dict[str, Any]) -> None:
        """Send a message. :raises TypeError, ValueError: it is not JSON; then nothing was sent."""
        data = json.dumps(message).encode() + b"\n"
        with self._writing:
            self._output.write(data)
            self._output.flush()

    def token(self) -> str:
        """An access token, from the adapter."""
        with self._asking:
            self.write({"token": True})
            return self._tokens.get()

    def watch(self, parent: int) -> None:
        """End with the process `parent`, also when something else still holds its end of the line open."""
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()

    def _listen(self) -> None:
        for text in self._input:
            message = json.loads(text)
            if "token" in message:
                self._tokens.put(str(message["token"]))
            else:
                self._operations.put(message)
        os._exit(0)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(0)
