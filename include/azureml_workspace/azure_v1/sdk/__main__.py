"""Reads operations from standard input and answers them, one line each (see `sdk_process`), until it is closed."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

from azureml_workspace.azure_v1.sdk.failures import seam_error
from azureml_workspace.azure_v1.sdk.operations import OPERATIONS
from azureml_workspace.azure_v1.sdk.session import SdkSession


class _Line:
    """The line to the adapter. Everything that the SDK prints goes to the log instead."""

    def __init__(self) -> None:
        self._input: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._output: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def read(self) -> dict[str, Any] | None:
        """The next message, None at the end."""
        line = self._input.readline()
        return dict(json.loads(line)) if line else None

    def write(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._output.write(json.dumps(message).encode() + b"\n")
        self._output.flush()

    def token(self) -> str:
        """An access token, from the adapter."""
        self.write({"token": True})
        answer = self.read()
        if answer is None:
            raise SystemExit(0)
        return str(answer["token"])


def main() -> int:
    """Answer until standard input ends."""
    line = _Line()
    configuration = line.read()
    if configuration is None:
        return 0
    session = SdkSession(configuration, line.token)
    while (message := line.read()) is not None:
        try:
            result = OPERATIONS[message["operation"]](session, **message["arguments"])
        except Exception as error:  # noqa: BLE001 (whatever the SDK raises has to become an answer)
            failure = seam_error(error)
            line.write({"error": type(failure).__name__, "message": str(failure)})
        else:
            line.write({"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
