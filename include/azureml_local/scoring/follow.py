"""Following the desired state: `service.json` and `keys.json`, looked at every 0.2 s and applied without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
from azureml_local.scoring.script import ScriptModel
from azureml_local.scoring.serving import Serving
from azureml_workspace.errors import InvalidRequest

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2

_Stamp = tuple[int, int, int] | None


class Follower:
    """Applies every change of the files to `serving`, and says in `status.json` what came of it.

    Keys and the insights switch are applied at once, even while a model loads. A deployment (model, authentication,
    response format) is applied or refused as a whole, between two requests.
    """

    def __init__(self, serving: Serving, identity: ProcessIdentity) -> None:
        self._serving = serving
        self._identity = identity
        self._dir = serving.service_dir
        # Not those of now: the files may have changed since `serving` was made of them.
        self._stamps: tuple[_Stamp, _Stamp] | None = None
        self._wanted = serving.config
        self._is_wanted_new = asyncio.Event()
        self._generation = self._switched_generation = serving.config.generation
        self._refused_switches = ""
        self._refused_deployment = ""
        self._reported: ServiceStatus | None = None
        self._trouble = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_files())
            tasks.create_task(self._follow_deployments())

    async def _follow_files(self) -> None:
        while True:
            self._report()
            await asyncio.sleep(POLL_SECONDS)
            stamps = self._stamps_now()
            if stamps != self._stamps:
                self._stamps = stamps
                await self._take_in()

    async def _follow_deployments(self) -> None:
        while True:
            await self._is_wanted_new.wait()
            self._is_wanted_new.clear()
            config, refused = self._wanted, _Refusals()
            with refused.noted():
                await self._deploy(config)
            self._refused_deployment = refused.told()
            self._generation = config.generation
            self._report()

    async def _take_in(self) -> None:
        """Switch what is switched at once, and hand the deployment on."""
        config, refused = None, _Refusals()
        with refused.noted():
            # Before the keys: whoever changes both writes this one last.
            config = read_config(self._dir)
        with refused.noted("The earlier keys go on working."):
            self._serving.keys = read_key_ring(self._dir, self._serving.config)
        if config is not None:
            with refused.noted():
                await self._serving.switch_insights(config)
            self._switched_generation = config.generation
            self._wanted = config
            self._is_wanted_new.set()
        self._refused_switches = refused.told()

    async def _deploy(self, config: ServiceConfig) -> None:
        """Serve what `config` names. :raises InvalidRequest: it is refused, or cannot be in full."""
        serving = self._serving
        old, model = serving.config, serving.model
        wanted = Path(config.model_dir), config.model_name, config.model_version
        if (*wanted, config.script) != (model.model_dir, model.name, model.version, old.script):
            try:
                if config.script is None:
                    model = await asyncio.to_thread(LoadedModel, *wanted)
                else:
                    model = await asyncio.to_thread(ScriptModel, *wanted, config.script)
            except InvalidRequest as error:
                raise InvalidRequest(
                    f"Version {config.model_version} cannot be served, version {model.version} goes on: {error}"
                ) from error
            log.info("%s version %d serves, in place of version %d", *wanted[1:], serving.model.version)
        # From here on nothing is awaited, so that no request meets one half of each deployment.
        if config.auth_enabled != old.auth_enabled:
            serving.keys = read_key_ring(self._dir, config)
        serving.config = replace(
            config, host=old.host, port=old.port, body_timeout=old.body_timeout, idle_timeout=old.idle_timeout
        )
        serving.model = model
        serving.describe()
        if (config.host, config.port) != (old.host, old.port):
            raise InvalidRequest(f"This process listens on {old.host}:{old.port}; another address needs a new process.")

    def _report(self) -> None:
        status = ServiceStatus(
            pid=self._identity.pid,
            pid_started=self._identity.pid_started,
            generation=self._generation,
            state="Healthy",
            error=" ".join(filter(None, (self._refused_switches, self._refused_deployment))),
            model_version=self._serving.model.version,
            switched_generation=self._switched_generation,
        )
        if status == self._reported:
            return
        try:
            write_status(self._dir, status)
        except OSError as error:  # disk full, folder gone: serving goes on, and the next round tries again
            if str(error) != self._trouble:
                log.warning("status.json cannot be written, trying again: %s", error)
            self._trouble = str(error)
        else:
            self._reported, self._trouble = status, ""

    def _stamps_now(self) -> tuple[_Stamp, _Stamp]:
        return _stamp(self._dir / CONFIG_FILE), _stamp(self._dir / KEYS_FILE)


def read_key_ring(service_dir: Path, config: ServiceConfig) -> KeyRing:
    """The keys the configuration asks for. :raises InvalidRequest: authentication is on and there are none."""
    return KeyRing(read_keys(service_dir)) if config.auth_enabled else KeyRing.open_to_all()


class _Refusals:
    """Why parts of a desired state were refused. One part's trouble, foreseen or not, does not stop the others."""

    def __init__(self) -> None:
        self._reasons: list[str] = []

    @contextmanager
    def noted(self, consequence: str = "") -> Iterator[None]:
        try:
            yield
        except InvalidRequest as error:
            self._reasons.append(f"{error} {consequence}".rstrip())
        except Exception as error:  # a file that may not be read, no memory: the next change must still be followed
            log.exception("the desired state could not be applied")
            self._reasons.append(f"{type(error).__name__}: {error} {consequence}".rstrip())

    def told(self) -> str:
        """All of them, logged; empty when there are none."""
        text = " ".join(self._reasons)
        if text:
            log.error("refused: %s", text)
        return text


def _stamp(path: Path) -> _Stamp:
    """What tells one version of a file from the next: it is always replaced, never written into."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
