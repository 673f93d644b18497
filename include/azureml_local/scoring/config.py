"""The files between the control plane and a web service process (docs/architecture.md, "Web services")."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from azureml_local.files import read_json, write_json
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record, ResponseFormat, ServiceKeys

CONFIG_FILE = "service.json"
KEYS_FILE = "keys.json"
STATUS_FILE = "status.json"
LOG_FILE = "service.log"
INSIGHTS_FILE = "insights.db"
INPUTS_FILE = "inputs.db"


@dataclass(frozen=True, kw_only=True)
class ScriptConfig(Record):
    """Somebody's own entry script: the folder that it was uploaded with, its path in there, its variables."""

    folder: str
    entry: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServiceConfig(Record):
    """Desired state (`service.json`). `generation` grows with every change. Without a `script` the model is a package.

    `collect_inputs`: a sample of the rows is kept while insights are on; an entry script's rows are not known.
    `port` and `host` are those of the process for its whole life. Timeouts are in seconds: `body_timeout` drops a
    request of which no further byte arrived for that long, `idle_timeout` closes a connection between two requests.
    """

    generation: int
    name: str
    host: str
    port: int
    model_dir: str
    model_name: str
    model_version: int
    auth_enabled: bool
    app_insights_enabled: bool
    response_format: ResponseFormat
    script: ScriptConfig | None = None
    collect_inputs: bool = False
    body_timeout: float = 10.0
    idle_timeout: float = 75.0

    @property
    def keeps_inputs(self) -> bool:
        """Whether rows are kept."""
        return self.app_insights_enabled and self.collect_inputs and self.script is None


@dataclass(frozen=True, kw_only=True)
class ServiceStatus(Record):
    """Actual state (`status.json`). `generation` is the last one applied or refused; `error` says why, else empty.

    `switched_generation` is the same for keys and the insights switch alone, which do not wait for a model to load.
    `model_version` is the one that is served, None when there is none. `pid_started` is in Unix seconds. `port_taken`:
    it Failed because somebody else listens on its port.
    """

    pid: int
    pid_started: float
    generation: int
    state: Literal["Healthy", "Failed"]
    error: str
    model_version: int | None
    switched_generation: int = 0
    port_taken: bool = False


def write_config(service_dir: Path, config: ServiceConfig) -> None:
    """Ask the process of `service_dir` for `config`; it follows within 0.2 s."""
    write_json(service_dir / CONFIG_FILE, config)


def read_config(service_dir: Path) -> ServiceConfig:
    """The desired state. :raises InvalidRequest: the file is missing or is not one."""
    return ServiceConfig.from_dict(_read_object(service_dir / CONFIG_FILE))


def write_keys(service_dir: Path, keys: ServiceKeys) -> None:
    """Replace both keys; readable by the owner alone."""
    write_json(service_dir / KEYS_FILE, keys, mode=0o600)


def read_keys(service_dir: Path) -> ServiceKeys:
    """The two keys. :raises InvalidRequest: the file is missing or is not one, or a key is empty."""
    keys = ServiceKeys.from_dict(_read_object(service_dir / KEYS_FILE))
    if not keys.primary or not keys.secondary:
        raise InvalidRequest(f"{KEYS_FILE} holds an empty key; anybody could send it.")
    return keys


def write_status(service_dir: Path, status: ServiceStatus) -> None:
    """Tell the control plane what is served now."""
    write_json(service_dir / STATUS_FILE, status)


def read_status(service_dir: Path) -> ServiceStatus | None:
    """What the process said last, or None when it has said nothing. Whether it still lives is another question."""
    content = read_json(service_dir / STATUS_FILE)
    return None if content is None else ServiceStatus.from_dict(content)


def _read_object(path: Path) -> dict[str, object]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InvalidRequest(f"{path.name} is missing or holds no JSON object.")
    return content
