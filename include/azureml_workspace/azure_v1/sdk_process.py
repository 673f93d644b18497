"""The SDK in a process of its own: started when it is first needed, ended when it takes too long.

Why not in this one: importing the SDK costs seconds and 170 MB; it changes environment variables, prints what is
nobody's business, deadlocks after a fork, and answers some errors only after minutes of silent repeats. A process can
be given its own home folder and be ended at a deadline.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from azureml_workspace import errors as seam_errors
from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.errors import ServiceUnavailable, WorkspaceError
from azureml_workspace.settings import AzureSettings

logger = logging.getLogger(__name__)

DEFAULT_SECONDS = 120.0
_MODULE = "azureml_workspace.azure_v1.sdk"
_LINE_BYTES = 64 * 1024


class SdkProcess:
    """Calls the operations of `azureml_workspace.azure_v1.sdk` one after the other.

    Both sides speak JSON lines: `{"operation", "arguments"}` goes in; out come any number of `{"token": true}`, each
    answered with an access token, and at last `{"result"}` or `{"error", "message"}`. So the other side never has a
    credential, and a token that expires meanwhile is renewed here.
    """

    def __init__(self, settings: AzureSettings, cloud: Cloud, token: Callable[[], str]) -> None:
        self._settings = settings
        self._cloud = cloud
        self._token = token
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, operation: str, arguments: Mapping[str, Any], *, seconds: float = DEFAULT_SECONDS) -> Any:
        """The result of one operation, JSON types.

        :raises WorkspaceError: the class that the operation names.
        :raises ServiceUnavailable: it did not end within `seconds`, and was ended; or its process died.
        """
        deadline = time.monotonic() + seconds
        with self._lock:
            try:
                return self._exchange(operation, arguments, deadline)
            except _Late as error:
                self._end()
                raise ServiceUnavailable(
                    f"the Azure ML SDK did not finish {operation} within {seconds:.0f} s; its process was ended."
                ) from error
            except (OSError, EOFError, ValueError) as error:
                self._end()
                raise ServiceUnavailable(f"the Azure ML SDK's process died during {operation}.") from error
            except BaseException as error:
                if not isinstance(error, WorkspaceError):
                    self._end()  # stopped halfway: the rest of its answer must not be taken for the next one's
                raise

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _exchange(self, operation: str, arguments: Mapping[str, Any], deadline: float) -> Any:
        process = self._started()
        _send(process, {"operation": operation, "arguments": dict(arguments)})
        while True:
            answer = json.loads(_read_line(process, deadline))
            if "token" in answer:
                _send(process, {"token": self._token()})
            elif "error" in answer:
                kind = getattr(seam_errors, str(answer["error"]), ServiceUnavailable)
                raise kind(str(answer["message"]))
            else:
                return answer["result"]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        state = Path(self._settings.state_dir).absolute()
        home = state / "home"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = self._settings
        configuration = {
            "subscription_id": names.subscription_id,
            "resource_group": names.resource_group,
            "workspace_name": names.workspace_name,
            "cloud": self._cloud.name,
            "resource_manager": self._cloud.resource_manager,
            "is_own_cloud": self._settings.cloud_metadata_url is not None,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(state / "sdk.log").open("ab"),
            cwd=home,
            env=self._environment(home),
            start_new_session=True,
        )
        _send(self._process, configuration)
        return self._process

    def _environment(self, home: Path) -> dict[str, str]:
        """The SDK keeps its caches in the home folder, and has switches that only variables turn."""
        own = {
            "HOME": str(home),
            "AZUREML_CURRENT_CLOUD": self._cloud.name,
            # Turns the SDK's telemetry off, when it is there before the first import.
            "HBI_WORKSPACE_JOB": "true",
            "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
        }
        if self._settings.cloud_metadata_url is not None:
            own["ARM_CLOUD_METADATA_URL"] = self._settings.cloud_metadata_url
        if self._settings.ca_file is not None:
            own |= {"REQUESTS_CA_BUNDLE": self._settings.ca_file, "SSL_CERT_FILE": self._settings.ca_file}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AZURE_"))}
        return kept | own

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


class _Late(Exception):
    """The deadline passed."""


def _send(process: subprocess.Popen[bytes], message: Mapping[str, Any]) -> None:
    if process.stdin is None:
        raise EOFError("no input")
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def _read_line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """:raises _Late: :raises EOFError: the process ended."""
    if process.stdout is None:
        raise EOFError("no output")
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _Late
            part = os.read(process.stdout.fileno(), _LINE_BYTES)
            if not part:
                raise EOFError("it ended")
            parts.append(part)
            if part.endswith(b"\n"):
                return b"".join(parts)
