"""docker-compose.yaml on this machine without Docker: the same commands, environments, health checks and restarts."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.topology import compose_file
from tests.e2e.topology.compose_file import Mount, Service
from tests.e2e.topology.container import Container, ContainerSpec
from tests.e2e.topology.databases import initialise_postgres, postgres_identity, postgres_programs
from tests.e2e.topology.image import Image
from tests.e2e.topology.native import Places

from scripts.make_env import make_env, variables

ROOT = Path(__file__).parents[3]
COMPOSE_FILE = ROOT / "docker-compose.yaml"

_START_SECONDS = 240.0
_CHECK_PAUSE_SECONDS = 0.5


@dataclass(kw_only=True)
class Topology:
    """`scale` is the number of containers of a service (default 1); `overrides` come on top of every environment.

    `settings` are lines of `.env`; `dags` are files beside those of the image.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, int] = field(default_factory=dict)
    dags: tuple[Path, ...] = ()
    folder: Path = field(init=False)
    variables: dict[str, str] = field(init=False)
    services: dict[str, Service] = field(init=False)
    containers: dict[str, Container] = field(init=False, default_factory=dict)
    places: Places = field(init=False)

    def start(self) -> Topology:
        """Start everything in the file's order of dependencies; returns when all health checks pass."""
        self.folder = Path(tempfile.mkdtemp(prefix="compose-"))
        self.folder.chmod(0o711)  # Postgres runs as somebody else, and has a folder in it
        self.variables = self._make_env()
        self.services = compose_file.load(COMPOSE_FILE, self.variables)
        self.places = Places(hosts=tuple(self.services))
        image = Image.read(ROOT / "Dockerfile")
        waiting = {name: service for name, service in self.services.items() if self._is_wanted(service)}
        for name, service in waiting.items():
            for number in range(1, self.scale.get(name, 1) + 1):
                self.containers[f"{name}-{number}"] = Container(self._spec(service, number, image))
        while waiting:
            ready = [name for name, service in waiting.items() if not set(service.depends_on) & set(waiting)]
            assert ready, f"the services {sorted(waiting)} wait for one another"
            self._start_all([waiting.pop(name) for name in ready], waiting)
        return self

    def stop(self) -> None:
        """End everything in the reverse order of dependencies, and remove its files."""
        left = set(self.services)
        with ThreadPoolExecutor(max_workers=len(self.containers)) as pool:
            while left:
                last = {name for name in left if not any(name in self.services[other].depends_on for other in left)}
                list(pool.map(lambda container: container.stop(), self._of(last)))
                left -= last
        shutil.rmtree(self.folder)

    def of(self, service: str) -> list[Container]:
        """The containers of a service."""
        return self._of({service})

    def _of(self, services: Collection[str]) -> list[Container]:
        return [found for name, found in self.containers.items() if name.rpartition("-")[0] in services]

    def url(self, port: int) -> str:
        """Where a port of the compose file is on this machine."""
        return f"http://127.0.0.1:{self.places.ports[port]}"

    def wait_healthy(self, container: Container, seconds: float = _START_SECONDS) -> None:
        """Until its own health check passes."""
        deadline = time.monotonic() + seconds
        while not container.is_healthy():
            assert time.monotonic() < deadline, f"{container.spec.name} is not healthy; {container.last_words()}"
            time.sleep(_CHECK_PAUSE_SECONDS)

    def _make_env(self) -> dict[str, str]:
        shutil.copy(ROOT / ".env.example", self.folder)
        make_env(self.folder)
        return {**variables((self.folder / ".env").read_text()), **self.settings}

    def _is_wanted(self, service: Service) -> bool:
        wanted = set(self.variables["COMPOSE_PROFILES"].split(","))
        return not service.profiles or bool(wanted & set(service.profiles))

    def _start_all(self, services: list[Service], waiting: Mapping[str, Service]) -> None:
        started = [container for service in services for container in self.of(service.name)]
        for service in services:
            if service.name == "postgres":
                (container,) = self.of("postgres")
                data = Path(container.spec.environment["PGDATA"]).resolve()
                initialise_postgres(data, container.spec.environment, self.places.ports[5432])
        for container in started:
            container.start()
        conditions = {name: how for other in waiting.values() for name, how in other.depends_on.items()}
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda container: self._settle(container, conditions), started))

    def _settle(self, container: Container, conditions: Mapping[str, str]) -> None:
        service = container.spec.name.rpartition("-")[0]
        if conditions.get(service) == "service_completed_successfully":
            code = container.wait(_START_SECONDS)
            assert code == 0, f"{service} ended with exit code {code}; {container.last_words()}"
        elif container.spec.health:
            self.wait_healthy(container)

    def _spec(self, service: Service, number: int, image: Image) -> ContainerSpec:
        name = f"{service.name}-{number}"
        root = self.folder / "containers" / name
        (root / "home").mkdir(parents=True)
        folders = ["/opt/airflow", "/opt/azureml", *(mount.target for mount in service.mounts)]
        (root / "opt" / "airflow" / "plugins").mkdir(parents=True)
        if service.is_built:
            image.unpack(ROOT, root)
            for file in self.dags:
                shutil.copy(file, root / "opt" / "airflow" / "dags")
        for mount in service.mounts:
            self._mount(mount, root)
        translate = self.places.for_container(root, sorted(set(folders), key=len, reverse=True))
        inside = {**(image.environment if service.is_built else {}), **service.environment, "HOSTNAME": name}
        inside |= self.overrides if service.is_built else {}
        environment = {key: translate(value) for key, value in inside.items()}
        uid, gid = postgres_identity() if service.name == "postgres" else (os.geteuid(), os.getegid())
        return ContainerSpec(
            name=name,
            command=[translate(word) for word in service.command],
            environment=environment | {"PATH": _path(), "HOME": str(root / "home"), "LC_ALL": "C.UTF-8"},
            health=[translate(word) for word in service.health],
            restart=service.restart == "unless-stopped",
            folder=root,
            log=self.folder / f"{name}.log",
            uid=uid,
            gid=gid,
        )

    def _mount(self, mount: Mount, root: Path) -> None:
        """A volume is a folder that the containers share, linked into each."""
        shared = self.folder / "volumes" / mount.source if mount.is_named else Path(mount.source)
        shared.mkdir(parents=True, exist_ok=True)
        place = root / mount.target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(shared)
        for folder in (root, self.folder / "containers", self.folder / "volumes"):
            folder.chmod(0o711)


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), str(postgres_programs()), os.environ["PATH"]])
