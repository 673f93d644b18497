"""Reads operations from standard input and answers them, one line each (see `sdk_process`), until it is closed."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn

from azureml_workspace.azure_v1.sdk.failures import scrubbed, seam_error
from azureml_workspace.azure_v1.sdk.line import Line
from azureml_workspace.azure_v1.sdk.operations import OPERATIONS
from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.errors import Throttled


def main() -> NoReturn:
    """Answer for ever: the line ends the process."""
    line = Line()
    configuration = line.read()
    line.watch(int(configuration["parent"]))
    session = SdkSession(configuration, line.token)
    while True:
        message = line.read()
        try:
            line.write({"result": OPERATIONS[message["operation"]](session, **message["arguments"])})
        except Exception as error:  # noqa: BLE001 (whatever the SDK raises has to become an answer)
            line.write(_failure(error))


def _failure(error: Exception) -> dict[str, Any]:
    sys.stderr.write(scrubbed("".join(traceback.format_exception(error))))
    failure = seam_error(error)
    retry_after = failure.retry_after if isinstance(failure, Throttled) else None
    return {"error": type(failure).__name__, "message": str(failure), "retry_after": retry_after}


if __name__ == "__main__":
    main()
