"""The web service that clients use, for whoever holds its lease: look, deploy in place, smoke-test."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azureml_gate.decision import Versioned
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, ServiceUnavailable, WorkspaceError
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import DeploySettings, Record, ResponseFormat, WebService
from azureml_workspace.statuses import FAILED_SERVICE_STATES, SETTLED_SERVICE_STATES, ServiceState

ScoringKey = Callable[[WebService], str | None]
"""The key of a service; None when it asks for none."""

_SPARE_ROWS = 4
"""Read that many times the rows wanted: those without a label are passed over."""

_LONGEST_PROBLEM = 400

logger = logging.getLogger(__name__)


class Stopped(ServiceUnavailable):
    """Whoever waited was told to stop. What was begun goes on, and the next one finishes it."""


@dataclass(frozen=True, kw_only=True)
class RolloutSettings(Record):
    """How a service is changed. All times in seconds.

    `cpu_cores`, `memory_gb`, `auth_enabled`, `response_format` and `collect_inputs` are those of a new service; one
    that exists keeps its own. `app_insights_enabled` None leaves the switch alone (a new service starts with it off).
    `outage` is how long the workspace or, after an update, the service may be unreachable.
    """

    cpu_cores: float = 1.0
    memory_gb: float = 1.0
    auth_enabled: bool = True
    response_format: ResponseFormat = "string"
    app_insights_enabled: bool | None = None
    collect_inputs: bool = True
    timeout: float = 1200.0
    poll: float = 1.0
    outage: float = 120.0
    smoke_rows: int = 5
    smoke_timeout: float = 30.0

    def validate(self) -> None:
        """:raises InvalidRequest: a size or a time is not above 0."""
        for name in ("cpu_cores", "memory_gb", "timeout", "poll"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidRequest(f"{name} is {getattr(self, name):g}; it must be a number above 0.")


class LiveService:
    """One service. `scoring_key` is how its key is fetched; `stopped` is asked between two looks."""

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        settings: RolloutSettings,
        *,
        scoring_key: ScoringKey | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.settings = settings
        self._workspace = workspace
        self._scoring_key = scoring_key or self._primary_key
        self._stopped = stopped

    def settled(self) -> WebService | None:
        """The service once nothing is being deployed to it; None when there is none.

        :raises ServiceUnavailable: not in time, or no answer for too long. :raises Stopped:
        """
        began = answered = time.monotonic()
        while True:
            try:
                found = self._workspace.get_service(self.name)
            except NotFound:
                return None
            except WorkspaceError as error:
                if not error.retryable or time.monotonic() - answered > self.settings.outage:
                    raise
            else:
                answered = time.monotonic()
                if found.state in SETTLED_SERVICE_STATES:
                    return found
            if time.monotonic() - began > self.settings.timeout:
                raise ServiceUnavailable(
                    f"the deployment of web service {self.name} was not done after {self.settings.timeout:.0f} s; it "
                    "goes on, and another try takes it up."
                )
            self._pause()

    def deploy(self, model: Versioned, like: WebService | None) -> tuple[WebService | None, str]:
        """Deploy the model with the settings of `like`, and wait. Gives the service, and what is wrong with it.

        :raises ServiceUnavailable: somebody else deploys to it, or as `settled`.
        """
        try:
            self._workspace.deploy(self._deployment(model, like))
        except Conflict as error:
            raise ServiceUnavailable(f"somebody else deploys to web service {self.name}: {error}") from error
        except (InvalidRequest, NotFound) as error:
            return self.settled(), str(error)
        found = self.settled()
        return found, problem_of(found, model)

    def remove(self) -> None:
        """Delete it."""
        self._workspace.delete_service(self.name)

    def smoke(self, service: WebService, holdout: Versioned | None, label: str) -> str:
        """What its smoke test finds wrong, nothing when it passes. With no holdout its contract's example is scored."""
        from azureml_endpoint.smoke import smoke_check

        rows = self._rows(holdout, label) if holdout else []
        key = self._scoring_key(service)
        patience = time.monotonic() + self.settings.outage
        while True:
            report = smoke_check(
                service.scoring_uri,
                key,
                rows,
                swagger_uri=service.swagger_uri,
                auth_enabled=service.auth_enabled,
                timeout=self.settings.smoke_timeout,
            )
            if report.passed:
                logger.info("Web service %s passed its smoke test of %d checks.", self.name, len(report.checks))
                return ""
            if not report.unavailable or time.monotonic() > patience:
                problems = "; ".join(f"{check.name}: {check.detail}" for check in report.failures)
                return f"the smoke test failed: {problems}"[:_LONGEST_PROBLEM]
            self._pause()

    def _deployment(self, model: Versioned, like: WebService | None) -> DeploySettings:
        shape: WebService | RolloutSettings = like or self.settings
        return DeploySettings(
            service_name=self.name,
            model_name=model.name,
            model_version=model.version,
            cpu_cores=shape.cpu_cores,
            memory_gb=shape.memory_gb,
            auth_enabled=shape.auth_enabled,
            response_format=shape.response_format,
            app_insights_enabled=self.settings.app_insights_enabled,
            collect_inputs=shape.collect_inputs,
        )

    def _rows(self, holdout: Versioned, label: str) -> Sequence[Mapping[str, Any]]:
        wanted = self.settings.smoke_rows
        found = self._workspace.take_rows(holdout.name, holdout.version, wanted * _SPARE_ROWS)
        rows = [row for row in found if row.get(label) is not None][:wanted]
        return [{column: value for column, value in row.items() if column != label} for row in rows]

    def _primary_key(self, service: WebService) -> str | None:
        return self._workspace.service_keys(service.name).primary if service.auth_enabled else None

    def _pause(self) -> None:
        end = time.monotonic() + self.settings.poll * random.uniform(1.0, 1.1)
        while (left := end - time.monotonic()) > 0:
            if self._stopped():
                raise Stopped(f"stopped while waiting for web service {self.name}.")
            time.sleep(min(left, 0.5))


def shown(service: WebService | None) -> Versioned | None:
    """The model that the service shows, whether it works or not; None when there is no service."""
    return None if service is None else Versioned(name=service.model_name, version=service.model_version)


def champion_of(service: WebService | None) -> Versioned | None:
    """The model that clients get: none when there is no service, and none of one that is Failed."""
    return None if service is None or service.state is ServiceState.FAILED else shown(service)


def problem_of(service: WebService | None, model: Versioned) -> str:
    """Why the settled service does not serve that model as it should, nothing when it does."""
    if service is None:
        return "the web service is gone"
    because = service.error or "no reason was given"
    if shown(service) != model:
        goes_on = f"{service.model_name} version {service.model_version} goes on"
        return f"the deployment was refused, {goes_on}: {because}"[:_LONGEST_PROBLEM]
    if service.state in FAILED_SERVICE_STATES:
        return f"the web service is {service.state} with it: {because}"[:_LONGEST_PROBLEM]
    return ""
