"""Web services: what is asked for, what is there, its keys and its telemetry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.base import LARGEST_INTEGER, Record
from azureml_workspace.records.names import validate_service_name
from azureml_workspace.statuses import ServiceState

ResponseFormat = Literal["string", "object"]


@dataclass(frozen=True, kw_only=True)
class DeploySettings(Record):
    """A deployment, named as in Azure's `AciWebservice.deploy_configuration`.

    `response_format` is what `POST /score` answers: `string` (default) is what Azure's own AutoML scoring script
    gives, a JSON string that holds JSON; `object` is the plain object. Both adapters honour it.
    `app_insights_enabled` None leaves an existing service's switch alone (a new service starts with it off).
    `collect_inputs`: while Application Insights is on, a sample of the rows that clients have scored is kept, for
    watching drift. Rows are personal data more often than not; False keeps none.
    """

    service_name: str
    model_name: str
    model_version: int
    cpu_cores: float = 1.0
    memory_gb: float = 1.0
    auth_enabled: bool = True
    response_format: ResponseFormat = "string"
    app_insights_enabled: bool | None = None
    collect_inputs: bool = True
    tags: dict[str, str] = field(default_factory=dict)

    def validate(self) -> None:
        """:raises InvalidRequest: the name is one Azure would refuse, or a size is not positive."""
        validate_service_name(self.service_name)
        if not 1 <= self.model_version <= LARGEST_INTEGER:
            raise InvalidRequest(f"model_version is {self.model_version}; give 1 to {LARGEST_INTEGER}.")
        for name in ("cpu_cores", "memory_gb"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidRequest(f"{name} is {getattr(self, name):g}; it must be a number above 0.")


@dataclass(frozen=True, kw_only=True)
class WebService(Record):
    """A deployed web service. `error` says why when the state is Failed or Unhealthy, else empty."""

    name: str
    state: ServiceState
    scoring_uri: str
    swagger_uri: str
    model_name: str
    model_version: int
    auth_enabled: bool
    app_insights_enabled: bool
    response_format: ResponseFormat
    created_at: datetime
    updated_at: datetime
    cpu_cores: float = 1.0
    memory_gb: float = 1.0
    collect_inputs: bool = False
    error: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServiceKeys(Record):
    """The two keys of a service. Not shown by `repr`, so that a log line cannot give them away."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RequestSummary(Record):
    """Application Insights in one line: scoring requests in the window. Latencies in milliseconds, None without any.

    `failed` counts answers of 400 and above; `unseen_categories` counts values that training never saw.
    """

    service_name: str
    enabled: bool
    since: datetime | None
    count: int
    failed: int
    rows: int
    unseen_categories: int
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    by_status: dict[str, int] = field(default_factory=dict)
