"""The SDK in a process of its own: started when it is first needed, ended when it takes too long.

Why not in this one: importing the SDK costs seconds and 170 MB; it changes environment variables, prints what is
nobody's business, deadlocks after a fork, and answers some errors only after minutes of silent repeats. A process can
be given its own home folder and be ended at a deadline.
"""

from __future__ import annotations

import os
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
from azureml_workspace.azure_v1.scratch import ScratchFolder
from azureml_workspace.azure_v1.sdk_channel import Channel, Late
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Throttled, WorkspaceError
from azureml_workspace.settings import AzureSettings

DEFAULT_SECONDS = 120.0
LOG_FILE = "sdk.log"
"""In the state folder: whatever the SDK prints or warns of."""
_LOG_BYTES = 5_000_000
_MODULE = "azureml_workspace.azure_v1.sdk"
_LAST_WORDS_SECONDS = 1.0

# What is not for the SDK: Airflow's connections, other ways to sign in, another cloud, where a desktop keeps caches.
_WITHHELD = ("AIRFLOW", "_AIRFLOW", "AZURE_", "AZUREML_", "ARM_", "MSI_", "IDENTITY_", "APPSETTING_", "XDG_")


class SdkProcess:
    """Calls the operations of `azureml_workspace.azure_v1.sdk` one after the other.

    Both sides speak JSON lines: `{"operation", "arguments"}` goes in; out come any number of `{"token": true}`, each
    answered with an access token, and at last `{"result"}` or `{"error", "message", "retry_after"}`. So the other side
    never has a credential, and a token that expires meanwhile is renewed here.
    """

    def __init__(self, settings: AzureSettings, cloud: Cloud, token: Callable[[], str]) -> None:
        self._settings = settings
        self._cloud = cloud
        self._token = token
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._scratch: ScratchFolder | None = None
        self._owner = os.getpid()

    def another(self) -> SdkProcess:
        """One that has not been started."""
        return SdkProcess(self._settings, self._cloud, self._token)

    def call(self, operation: str, arguments: Mapping[str, Any], *, seconds: float = DEFAULT_SECONDS) -> Any:
        """The result of one operation, JSON types.

        :raises WorkspaceError: the class that the operation names.
        :raises ServiceUnavailable: it did not end within `seconds`, and was ended; or its process died.
        """
        deadline = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise ServiceUnavailable(
                f"the Azure ML SDK was busy with another call for {seconds:.0f} s; {operation} was not begun."
            )
        try:
            answer = self._ask(operation, arguments, deadline, seconds)
        finally:
            self._lock.release()
        if "error" in answer:
            raise _error(answer)
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, operation: str, arguments: Mapping[str, Any], deadline: float, seconds: float) -> Mapping[str, Any]:
        """The answer, whole; whatever else happens, the process is ended, so that no later call takes the rest."""
        try:
            channel = self._started(deadline)
            channel.send({"operation": operation, "arguments": dict(arguments)}, deadline)
            while "token" in (answer := channel.receive(deadline)):
                channel.send({"token": self._token()}, deadline)
        except Late as error:
            self._end()
            raise ServiceUnavailable(
                f"the Azure ML SDK did not finish {operation} within {seconds:.0f} s; its process was ended."
            ) from error
        except (OSError, EOFError, ValueError) as error:
            fate = self._fate()
            self._end()
            raise ServiceUnavailable(
                f"the Azure ML SDK's process {fate} during {operation}; what it printed is in {self._log_file}."
            ) from error
        except BaseException:
            self._end()
            raise
        return answer

    def _started(self, deadline: float) -> Channel:
        if self._owner != os.getpid():  # after a fork: the process is the parent's
            self._owner, self._process, self._channel, self._scratch = os.getpid(), None, None, None
        if self._process is not None and self._channel is not None and self._process.poll() is None:
            return self._channel
        self._end()
        home, self._scratch = self._folders()
        with self._open_log() as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home,
                env=self._environment(home, self._scratch.path),
                start_new_session=True,
            )
        self._channel = Channel(self._process)
        names = self._settings
        configuration = {
            "subscription_id": names.subscription_id,
            "resource_group": names.resource_group,
            "workspace_name": names.workspace_name,
            "cloud": self._cloud.name,
            "resource_manager": self._cloud.resource_manager,
            "is_own_cloud": self._settings.cloud_metadata_url is not None,
            "parent": self._owner,
        }
        self._channel.send(configuration, deadline)
        return self._channel

    def _folders(self) -> tuple[Path, ScratchFolder]:
        """Home and temporary folder of the process. :raises InvalidRequest: they cannot be made."""
        state = Path(self._settings.state_dir).absolute()
        home, temporary = state / "home", state / "tmp"
        try:
            for folder in (state, home, temporary):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return home, ScratchFolder(temporary)
        except OSError as error:
            raise InvalidRequest(
                f"the Azure ML SDK cannot have {state} for its caches ({error.strerror}); name another folder as the "
                "connection's extra state_dir."
            ) from error

    @property
    def _log_file(self) -> Path:
        return Path(self._settings.state_dir).absolute() / LOG_FILE

    def _open_log(self) -> Any:
        with suppress(FileNotFoundError):
            if self._log_file.stat().st_size > _LOG_BYTES:
                self._log_file.replace(self._log_file.with_suffix(".log.1"))
        return os.fdopen(os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def _environment(self, home: Path, temporary: Path) -> dict[str, str]:
        """The SDK keeps its caches in the home folder, and has switches that only variables turn."""
        own = {
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "AZUREML_CURRENT_CLOUD": self._cloud.name,
            # Turns the SDK's telemetry off, when it is there before the first import.
            "HBI_WORKSPACE_JOB": "true",
            "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
            # Where a datastore keeps no key, its data library waits for a person to sign in (two minutes by itself).
            "AZUREML_DATA_ACCESS_INTERACT_TIMEOUT": "1",
            # Its own repeats: 224 s of silence after a 429, if nobody says otherwise. Ours are Airflow's retries.
            "AZUREML_DEFAULT_RETRIES": "2",
            "AZUREML_DEFAULT_BACKOFF": "1",
            "AZUREML_DEFAULT_500_BACKOFF": "1",
            "AZUREML_DEFAULT_503_BACKOFF": "1",
        }
        if self._settings.cloud_metadata_url is not None:
            own["ARM_CLOUD_METADATA_URL"] = self._settings.cloud_metadata_url
        if self._settings.ca_file is not None:
            own |= {"REQUESTS_CA_BUNDLE": self._settings.ca_file, "SSL_CERT_FILE": self._settings.ca_file}
        return {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)} | own

    def _fate(self) -> str:
        """How the process ended, in words."""
        if self._process is None:
            return "could not be started"
        try:
            code = self._process.wait(_LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            return "said something that is no answer, and was ended"
        if code == -signal.SIGKILL:
            return "was killed, perhaps because the machine ran out of memory,"
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _end(self) -> None:
        process, channel, scratch = self._process, self._channel, self._scratch
        self._process, self._channel, self._scratch = None, None, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if channel is not None:
            channel.close()
        if scratch is not None:
            scratch.remove()


def _error(answer: Mapping[str, Any]) -> WorkspaceError:
    kind, message = getattr(seam_errors, str(answer["error"]), ServiceUnavailable), str(answer["message"])
    if kind is Throttled:
        return Throttled(message, answer.get("retry_after"))
    error: WorkspaceError = kind(message)
    return error
