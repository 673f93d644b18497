"""Web services of this workspace: what people ask of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from azureml_local.files import remove_tree, tail_lines
from azureml_local.insights.inputs import read_inputs
from azureml_local.insights.query import summarize
from azureml_local.paths import Home
from azureml_local.processes import wait_until
from azureml_local.scoring.config import INPUTS_FILE, INSIGHTS_FILE, LOG_FILE, read_keys, write_keys
from azureml_local.services.allocation import PortAllocator
from azureml_local.services.ports import PortRange
from azureml_local.services.process import ServiceCommand, scoring_command
from azureml_local.services.records import deployment, web_service
from azureml_local.services.scripts import ScriptSource, install_script
from azureml_local.services.supervisor import Supervisor, new_key
from azureml_local.store.models import ModelStore
from azureml_local.store.services import Deployment, ServiceStore, StoredService
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound
from azureml_workspace.records import DeploySettings, InputSample, RequestSummary, ServiceKeys, WebService
from azureml_workspace.statuses import ServiceState

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 10.0
"""How long a call waits for the process to follow a switch. A running one looks every 0.2 s, a new one loads first."""

_UNDER_WAY_OR_DONE = frozenset({ServiceState.TRANSITIONING, ServiceState.HEALTHY})


class ServiceManager:
    """The web services of this workspace. Calls return at once; the supervisor does what they ask for."""

    def __init__(
        self,
        home: Home,
        store: ServiceStore,
        models: ModelStore,
        *,
        host: str,
        ports: PortRange,
        advertised_host: str | None = None,
        command: ServiceCommand = scoring_command,
    ) -> None:
        self._home = home
        self._store = store
        self._models = models
        self._advertised_host = advertised_host
        self._ports = PortAllocator(host, ports, store)
        self._supervisor = Supervisor(home, store, self._ports, command)

    def start(self) -> None:
        """Take up what an earlier server left, and look after it in the background."""
        self._supervisor.start()

    def stop(self) -> None:
        """Stop looking after the services. Their processes go on."""
        self._supervisor.stop()

    def deploy(
        self, settings: DeploySettings, *, keys: ServiceKeys | None = None, script: ScriptSource | None = None
    ) -> WebService:
        """Start creating the service or updating it in place; the same deployment again changes nothing.

        `keys` None: those that the service has, random ones for a new one. `script` serves the model in the place of
        this project.

        :raises InvalidRequest: a bad name or size, or a model that is no AutoML run's and comes without a script.
        :raises NotFound: no such model version.
        :raises Conflict: another deployment of the service is under way, or no port is free; or given keys do not count
            yet, and will.
        :raises StorageFull: no room; nothing was kept.
        """
        settings.validate()
        if not self._models.is_of_automl(settings.model_name, settings.model_version) and script is None:
            raise InvalidRequest(
                f"model {settings.model_name}:{settings.model_version} is somebody's own files, which only an entry "
                "script of theirs can serve: deploy it with one, through the Azure ML SDK."
            )
        with self._supervisor.lock(settings.service_name):
            service = self._store.find(settings.service_name)
            folder = self._home.service(settings.service_name)
            wanted = deployment(settings, None if script is None else install_script(folder, script))
            if service is None:
                service = self._create(settings, wanted, keys)
            elif service.wanted == wanted and service.state in _UNDER_WAY_OR_DONE:
                service = self._adjust(service, settings, keys)
            elif service.state is ServiceState.TRANSITIONING:
                raise Conflict(
                    f"service {service.name!r} is being deployed with model {service.wanted.model_name}:"
                    f"{service.wanted.model_version}; deploy again when that has ended."
                )
            else:
                if keys is not None:
                    self._write_keys(service.name, keys)
                service = self._update(service, settings, wanted)
        self._supervisor.wake()
        if keys is not None and service.state is ServiceState.HEALTHY:  # no deployment whose end says that they count
            self._wait_until_followed(service, "the new keys")
        return self._record(service)

    def get(self, name: str) -> WebService:
        """:raises NotFound:"""
        return self._record(self._require(name))

    def wanted(self, name: str) -> Deployment:
        """What was asked for last, with the tags and the insights switch as they are now; see `get` for what serves.

        :raises NotFound:
        """
        service = self._require(name)
        return replace(service.wanted, tags=service.tags, app_insights_enabled=service.app_insights_enabled)

    def list_all(self) -> list[WebService]:
        """All services, by name."""
        return [self._record(service) for service in self._store.list_all()]

    def delete(self, name: str) -> WebService | None:
        """Stop and remove the service; gives what it was, None when there was none."""
        with self._supervisor.lock(name):
            service = self._store.find(name)
            if service is None:
                return None
            # Forgotten first: killed after this line, the next server finds a folder without a service.
            self._store.delete(name)
            self._supervisor.remove(name)
        logger.info("service %s deleted", name)
        return self._record(service)

    def set_app_insights(self, name: str, *, enabled: bool) -> WebService:
        """Switch telemetry; when this returns the process does so, if it runs.

        :raises NotFound: :raises Conflict: the process has not followed yet; it will.
        """
        with self._supervisor.lock(name):
            service = self._switch_insights(self._require(name), enabled=enabled)
        self._wait_until_followed(service, f"the insights switch ({'on' if enabled else 'off'})")
        return self._record(service)

    def set_tags(self, name: str, tags: Mapping[str, str]) -> WebService:
        """Replace the tags. :raises NotFound:"""
        with self._supervisor.lock(name):
            service = replace(self._require(name), tags=dict(tags))
            self._store.save(service)
        return self._record(service)

    def uses_model(self, model_name: str, version: int) -> list[str]:
        """The services that serve this model version or are to serve it, by name."""
        return [
            service.name
            for service in self._store.list_all()
            if any(
                (use.model_name, use.model_version) == (model_name, version)
                for use in (service.wanted, service.live)
                if use is not None
            )
        ]

    def logs(self, name: str, tail: int) -> str:
        """The last lines of the service's log. :raises NotFound:"""
        return "\n".join(tail_lines(self._folder(name) / LOG_FILE, tail))

    def requests(self, name: str, since_seconds: float | None) -> RequestSummary:
        """Telemetry in one line. :raises NotFound:"""
        service = self._require(name)
        return summarize(self._folder(name) / INSIGHTS_FILE, name, service.app_insights_enabled, since_seconds)

    def inputs(self, name: str, since_seconds: float, limit: int) -> InputSample:
        """A sample of the rows that clients had scored. :raises NotFound:"""
        service = self._require(name)
        folder = self._folder(name)
        serving = service.live or service.wanted
        return read_inputs(
            name,
            inputs=folder / INPUTS_FILE,
            requests=folder / INSIGHTS_FILE,
            collecting=service.app_insights_enabled and serving.collect_inputs and serving.script is None,
            since_seconds=since_seconds,
            limit=limit,
        )

    def keys(self, name: str) -> ServiceKeys:
        """:raises NotFound: no such service, or it has no authentication."""
        service = self._require(name)
        if not (service.live or service.wanted).auth_enabled:
            raise NotFound(f"service {name!r} was deployed without authentication (auth_enabled), so it has no keys.")
        return read_keys(self._folder(name))

    def regenerate_key(self, name: str, *, secondary: bool, key: str | None = None) -> ServiceKeys:
        """Replace one key, by a random one when `key` is None; when this returns the old one is refused.

        :raises NotFound: :raises Conflict: the process has not followed yet, so that the old key may still be good.
        """
        with self._supervisor.lock(name):
            keys, key = self.keys(name), key or new_key()
            keys = replace(keys, secondary=key) if secondary else replace(keys, primary=key)
            self._write_keys(name, keys)
            service = self._supervisor.ask(self._require(name))
        self._wait_until_followed(service, "the new key")
        return keys

    def _create(self, settings: DeploySettings, wanted: Deployment, keys: ServiceKeys | None) -> StoredService:
        name, now = settings.service_name, datetime.now(UTC)
        with self._ports.giving:
            service = StoredService(
                name=name,
                host=self._ports.host,
                port=self._ports.free(),
                generation=1,
                state=ServiceState.TRANSITIONING,
                wanted=wanted,
                created_at=now,
                updated_at=now,
                app_insights_enabled=bool(settings.app_insights_enabled),
                tags=settings.tags,
            )
            try:
                if keys is not None:
                    self._write_keys(name, keys)
                self._supervisor.write_files(service)
                self._store.save(service)
            except BaseException:
                remove_tree(self._home.service(name))
                raise
        return service

    def _write_keys(self, name: str, keys: ServiceKeys) -> None:
        folder = self._home.service(name)
        with no_room_as_storage_full("the keys"):
            folder.mkdir(parents=True, exist_ok=True)
            write_keys(folder, keys)

    def _update(self, service: StoredService, settings: DeploySettings, wanted: Deployment) -> StoredService:
        enabled = settings.app_insights_enabled
        updated = replace(
            service,
            wanted=wanted,
            state=ServiceState.TRANSITIONING,
            error="",
            refused="",
            tags=settings.tags or service.tags,
            app_insights_enabled=service.app_insights_enabled if enabled is None else enabled,
        )
        process = self._supervisor.watch(service.name).process
        process.forgive()
        with self._ports.giving:
            if not process.is_alive() and self._ports.is_lost(service):
                updated = replace(updated, port=self._ports.free())
            return self._supervisor.ask(updated)

    def _adjust(self, service: StoredService, settings: DeploySettings, keys: ServiceKeys | None) -> StoredService:
        """What a deployment may change without anything being deployed: tags, keys and the insights switch."""
        if settings.tags and settings.tags != service.tags:
            service = replace(service, tags=settings.tags)
            self._store.save(service)
        if keys is not None:
            self._write_keys(service.name, keys)
            service = self._supervisor.ask(service)
        if settings.app_insights_enabled is None:
            return service
        return self._switch_insights(service, enabled=settings.app_insights_enabled)

    def _switch_insights(self, service: StoredService, *, enabled: bool) -> StoredService:
        if service.app_insights_enabled == enabled:
            return service
        return self._supervisor.ask(replace(service, app_insights_enabled=enabled))

    def _wait_until_followed(self, service: StoredService, what: str) -> None:
        """A process that does not run need not follow: it reads the files when it starts."""
        process = self._supervisor.watch(service.name).process

        def is_followed() -> bool:
            status = process.status()
            return not process.is_alive() or (status is not None and status.switched_generation >= service.generation)

        if not wait_until(is_followed, FOLLOW_SECONDS):
            raise Conflict(
                f"service {service.name!r}: {what} is stored, but its process does not follow (for "
                f"{FOLLOW_SECONDS:.0f} s now) and may go on with what was before; look at its state and its log."
            )

    def _record(self, service: StoredService) -> WebService:
        return web_service(service, self._advertised_host)

    def _require(self, name: str) -> StoredService:
        service = self._store.find(name)
        if service is None:
            raise NotFound(f"there is no web service {name!r}; deploy it first, or check the name.")
        return service

    def _folder(self, name: str) -> Path:
        return self._home.service(self._require(name).name)
