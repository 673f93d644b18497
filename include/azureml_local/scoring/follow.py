"""Following the desired state: `service.json` and `keys.json`, looked at every 0.2 s and applied without a restart."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

from azureml_local.processes import ProcessIdentity
from azureml_local.scoring.config import (
    CONFIG_FILE,
    KEYS_FILE,
    ServiceConfig,
    ServiceStatus,
    read_config,
    read_keys,
    write_status,
)
from azureml_local.scoring.keys import KeyRing
from azureml_local.scoring.model import LoadedModel
from azureml_local.scoring.serving import Serving
from azureml_workspace.errors import InvalidRequest

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2

_Stamp = tuple[int, int, int] | None


class Follower:
    """Applies every change of the files to `serving`, and says in `status.json` what came of it.

    One change at a time. What cannot be applied is refused as a part: the rest of the new state still counts.
    """

    def __init__(self, serving: Serving, identity: ProcessIdentity) -> None:
        self._serving = serving
        self._identity = identity
        self._dir = serving.service_dir
        self._stamps = self._stamps_now()
        self._reported: ServiceStatus | None = None
        self._trouble = ""
        self._status = self._make_status(error="")

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            self._report()
            await asyncio.sleep(POLL_SECONDS)
            stamps = self._stamps_now()
            if stamps != self._stamps:
                self._stamps = stamps
                error = await self._apply_files()
                if error:
                    log.error("refused: %s", error)
                self._status = self._make_status(error)

    async def _apply_files(self) -> str:
        """Apply what the files say; gives what of it was refused, and why."""
        try:
            return await self._apply(read_config(self._dir))
        except InvalidRequest as error:
            return str(error)
        except Exception as error:  # a file that may not be read, no memory: the next change must still be followed
            log.exception("the desired state could not be applied")
            return f"{type(error).__name__}: {error}"

    async def _apply(self, config: ServiceConfig) -> str:
        refused = [self._apply_keys(config), await self._apply_settings(config), await self._apply_model(config)]
        self._serving.describe()
        return " ".join(reason for reason in refused if reason)

    def _apply_keys(self, config: ServiceConfig) -> str:
        try:
            self._serving.keys = read_key_ring(self._dir, config)
        except InvalidRequest as error:
            return f"{error} The earlier keys go on working."
        return ""

    async def _apply_settings(self, config: ServiceConfig) -> str:
        old = self._serving.config
        self._serving.config = replace(
            config, host=old.host, port=old.port, body_timeout=old.body_timeout, idle_timeout=old.idle_timeout
        )
        await self._serving.switch_insights(config.app_insights_enabled)
        if (config.host, config.port) != (old.host, old.port):
            return f"This process listens on {old.host}:{old.port}; another address needs a new process."
        return ""

    async def _apply_model(self, config: ServiceConfig) -> str:
        served = self._serving.model
        wanted = Path(config.model_dir), config.model_name, config.model_version
        if wanted == (served.model_dir, served.name, served.version):
            return ""
        try:
            model = await asyncio.to_thread(LoadedModel, *wanted)
        except InvalidRequest as error:
            return f"Version {config.model_version} cannot be served, version {served.version} goes on: {error}"
        self._serving.model = model
        log.info("%s version %d serves, in place of %s version %d", *wanted[1:], served.name, served.version)
        return ""

    def _make_status(self, error: str) -> ServiceStatus:
        return ServiceStatus(
            pid=self._identity.pid,
            pid_started=self._identity.pid_started,
            generation=self._serving.config.generation,
            state="Healthy",
            error=error,
            model_version=self._serving.model.version,
        )

    def _report(self) -> None:
        if self._status == self._reported:
            return
        try:
            write_status(self._dir, self._status)
        except OSError as error:  # disk full, folder gone: serving goes on, and the next round tries again
            if str(error) != self._trouble:
                log.warning("status.json cannot be written, trying again: %s", error)
            self._trouble = str(error)
        else:
            self._reported, self._trouble = self._status, ""

    def _stamps_now(self) -> tuple[_Stamp, _Stamp]:
        return _stamp(self._dir / CONFIG_FILE), _stamp(self._dir / KEYS_FILE)


def read_key_ring(service_dir: Path, config: ServiceConfig) -> KeyRing:
    """The keys the configuration asks for. :raises InvalidRequest: authentication is on and there are none."""
    return KeyRing(read_keys(service_dir)) if config.auth_enabled else KeyRing.open_to_all()


def _stamp(path: Path) -> _Stamp:
    """What tells one version of a file from the next: it is always replaced, never written into."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
