"""Deploy a model version as a web service."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast, get_args

from airflow.sdk.exceptions import AirflowFailException

from airflow_azureml import _arguments as arguments
from airflow_azureml._live_change import owner_of
from airflow_azureml._references import Reference, model_reference
from airflow_azureml.addresses import is_sent_in_clear
from airflow_azureml.links import AzureMLServiceLink
from airflow_azureml.operators._awaitable import Plan
from airflow_azureml.operators._waiting_operator import AzureMLWaitingOperator
from airflow_azureml.results import ServiceResult
from azureml_workspace.documents import find_document
from azureml_workspace.errors import InvalidRequest, Unauthorized, WorkspaceError
from azureml_workspace.records import DeploySettings, ResponseFormat, WebService, validate_service_name
from azureml_workspace.statuses import FAILED_SERVICE_STATES, SETTLED_SERVICE_STATES

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_azureml._awaited import Awaited
    from airflow_azureml._waiting import Patience
    from azureml_workspace.records import Record

_LOG_LINES = 20
_LOG_CHARACTERS = 3000
_LEASE_SECONDS = 1200.0


class AzureMLDeployModelOperator(AzureMLWaitingOperator[WebService]):
    """Deploy a model version, or update the service in place, and wait until it answers. Safe to repeat.

    A deployment that has begun goes on when the task is stopped: taken back halfway it would leave no service at all.
    It does not ask the gate. To a service that models were promoted to (`AzureMLPromoteModelOperator`) it waits for
    whoever changes it just then, up to 20 minutes, and is written into the champion history.
    Returns a `ServiceResult`.

    :param model: the AutoML task's output, or the name of a model.
    :param model_version: its version when a name was given (default the latest).
    :param service_name: 3 to 32 lowercase letters, digits and dashes, starting with a letter.
    :param cpu_cores: cores of the service (default 1).
    :param memory_gb: memory of the service (default 1).
    :param auth_enabled: whether a key is asked for (default true).
    :param response_format: `string` (default), what Azure's AutoML scoring script answers: JSON within a JSON string;
        or `object`, the plain object.
    :param app_insights_enabled: request telemetry (default: leave it as it is, off for a new service).
    :param collect_inputs: whether a sample of the rows that clients have scored is kept while telemetry is on, for
        `AzureMLMonitorServiceOperator` (default true). They may be personal data.
    :param tags: tags of the service.
    :param timeout_minutes: how long to wait for it (default 20).

    Waiting has the arguments of `AzureMLWaitingOperator`; here `outage_minutes` is 2 and `poll_seconds` 1 by default.
    """

    template_fields: Sequence[str] = (
        *AzureMLWaitingOperator.template_fields,
        "model",
        "model_version",
        "service_name",
        "cpu_cores",
        "memory_gb",
        "auth_enabled",
        "response_format",
        "app_insights_enabled",
        "collect_inputs",
        "tags",
        "timeout_minutes",
    )
    operator_extra_links = (AzureMLServiceLink(),)
    _owner = ""

    def __init__(
        self,
        *,
        model: Any,
        service_name: str,
        model_version: int | str | None = None,
        cpu_cores: float | str = 1.0,
        memory_gb: float | str = 1.0,
        auth_enabled: bool | str = True,
        response_format: str = "string",
        app_insights_enabled: bool | str | None = None,
        collect_inputs: bool | str = True,
        tags: Mapping[str, str] | None = None,
        timeout_minutes: float | str = 20,
        outage_minutes: float | str = 2,
        poll_seconds: float | str = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(outage_minutes=outage_minutes, poll_seconds=poll_seconds, **kwargs)
        self.model = model
        self.model_version = model_version
        self.service_name = service_name
        self.cpu_cores = cpu_cores
        self.memory_gb = memory_gb
        self.auth_enabled = auth_enabled
        self.response_format = response_format
        self.app_insights_enabled = app_insights_enabled
        self.collect_inputs = collect_inputs
        self.tags = tags
        self.timeout_minutes = timeout_minutes

    def perform(self, context: Context) -> Record:
        """Remember whose task it is."""
        self._owner = owner_of(context)
        return super().perform(context)

    def prepare(self, context: Context) -> Plan[WebService]:  # noqa: ARG002
        """Check."""
        model = model_reference(self.model, self.model_version)
        settings, limit = self._settings(model), self._limit()
        workspace = self.hook.workspace
        if model.version is None:
            settings = replace(settings, model_version=workspace.get_model(settings.model_name).version)
        return Plan(
            begin=lambda: self._deploy(settings),
            limit_seconds=limit,
            limit="timeout_minutes",
            memo=settings.to_dict(),
        )

    def name_of_service(self) -> str:
        """The service to deploy. :raises InvalidRequest:"""
        return arguments.text("service_name", self.service_name)

    def earlier(self, before: Awaited, patience: Patience) -> WebService | None:
        """The deployment that an earlier try began. Asked for once more, a deployment under way or done is no change.

        It keeps its model version, although the latest may be another by now. When its time is over, this try begins
        anew.
        """
        if time.time() >= before.limit.deadline:
            return None
        settings = DeploySettings.from_dict(before.memo)
        return self.ask_patiently(lambda: self._deploy(settings), self.describe(settings.service_name), patience)

    def target_of(self, seen: WebService) -> str:
        """The service's name."""
        return seen.name

    def show(self, context: Context, seen: WebService) -> None:
        """Push the link to the service."""
        AzureMLServiceLink().push(self, context, seen.name)
        self.log.info(
            "Deploying model %s version %d as %s (%s).", seen.model_name, seen.model_version, seen.name, seen.state
        )

    def look(self, target: str) -> WebService:
        """The service as it is."""
        return self.hook.workspace.get_service(target)

    def is_settled(self, seen: WebService) -> bool:
        """Whether the deployment is over, well or not."""
        return seen.state in SETTLED_SERVICE_STATES

    def describe(self, target: str) -> str:
        """The service, in words."""
        return f"web service {target}"

    def reporter(self, awaited: Awaited) -> Callable[[WebService], None]:  # noqa: ARG002
        """Nothing: it either answers or not."""
        return lambda _seen: None

    def trigger(self, awaited: Awaited, *, deadline: float, poll_seconds: float, outage_seconds: float) -> BaseTrigger:
        """What waits for the service in the triggerer."""
        from airflow_azureml.triggers.service import AzureMLServiceTrigger

        return AzureMLServiceTrigger(
            conn_id=awaited.conn_id,
            service_name=str(awaited.target),
            deadline=deadline,
            poll_seconds=poll_seconds,
            outage_seconds=outage_seconds,
        )

    def give_up(self, awaited: Awaited) -> None:
        """The deployment goes on."""
        if awaited.target is not None:
            self.log.info("The deployment of web service %s goes on without the task.", awaited.target)

    def finish(self, context: Context, seen: WebService, awaited: Awaited) -> ServiceResult:
        """Whether the service is what was asked for."""
        self._conclude(seen, owner_of(context))
        self._require_deployed(seen, DeploySettings.from_dict(awaited.memo))
        self.log.info("%s is %s at %s", seen.name, seen.state, seen.scoring_uri)
        if is_sent_in_clear(seen.scoring_uri):
            self.log.warning(
                "%s is public and plain HTTP: rows and keys cross the network unencrypted. Do not send it what others "
                "must not read.",
                seen.scoring_uri,
            )
        return ServiceResult(
            name=seen.name,
            scoring_uri=seen.scoring_uri,
            swagger_uri=seen.swagger_uri,
            state=seen.state.value,
            model_name=seen.model_name,
            model_version=seen.model_version,
            auth_enabled=seen.auth_enabled,
            app_insights_enabled=seen.app_insights_enabled,
        )

    def _deploy(self, settings: DeploySettings) -> WebService:
        """Begin; where there is a champion history, as the holder of the service's lease."""
        workspace = self.hook.workspace
        if not self._is_gated(settings.service_name):
            return workspace.deploy(settings)
        from azureml_gate.direct import deploy_directly
        from azureml_gate.live_service import LiveService, RolloutSettings

        service = LiveService(
            workspace,
            settings.service_name,
            RolloutSettings(),
            scoring_key=self.hook.scoring_key,
            stopped=self.was_killed,
        )
        return deploy_directly(
            workspace,
            settings,
            service=service,
            owner=self._owner,
            wait_seconds=_LEASE_SECONDS,
            stopped=self.was_killed,
        )

    def _conclude(self, seen: WebService, owner: str) -> None:
        if self._is_gated(seen.name):
            from azureml_gate.direct import conclude_deployment

            conclude_deployment(
                self.hook.workspace, seen, owner=owner, wait_seconds=_LEASE_SECONDS, stopped=self.was_killed
            )

    def _is_gated(self, service_name: str) -> bool:
        from azureml_gate.history import history_path

        try:
            return find_document(self.hook.workspace, history_path(service_name)) is not None
        except (Unauthorized, InvalidRequest) as error:
            self.log.warning("Nobody can tell whether %s has a champion history: %s", service_name, error)
            return False

    def _settings(self, model: Reference) -> DeploySettings:
        """Everything that can be checked before the workspace is asked, which alone knows the latest version."""
        service_name = self.name_of_service()
        validate_service_name(service_name)
        response_format = arguments.text("response_format", self.response_format)
        if response_format not in get_args(ResponseFormat):
            raise InvalidRequest(
                f"response_format is {response_format!r}; choose one of {', '.join(get_args(ResponseFormat))}."
            )
        settings = DeploySettings(
            service_name=service_name,
            model_name=model.name,
            model_version=model.version or 1,
            cpu_cores=arguments.number("cpu_cores", self.cpu_cores),
            memory_gb=arguments.number("memory_gb", self.memory_gb),
            auth_enabled=arguments.flag("auth_enabled", self.auth_enabled),
            response_format=cast("ResponseFormat", response_format),
            app_insights_enabled=arguments.optional(arguments.flag, "app_insights_enabled", self.app_insights_enabled),
            collect_inputs=arguments.flag("collect_inputs", self.collect_inputs),
            tags=arguments.tags("tags", self.tags),
        )
        settings.validate()
        return settings

    def _limit(self) -> float:
        minutes = arguments.number("timeout_minutes", self.timeout_minutes)
        if minutes <= 0:
            raise InvalidRequest(f"timeout_minutes is {minutes:g}; give a time above 0.")
        return minutes * 60

    def _require_deployed(self, service: WebService, settings: DeploySettings) -> None:
        """A refused update leaves a healthy service with the old model, which is no success either."""
        refused = service.model_version != settings.model_version or service.model_name != settings.model_name
        if service.state not in FAILED_SERVICE_STATES and not refused:
            return
        goes_on = f"; it goes on with model {service.model_name} version {service.model_version}" if refused else ""
        raise AirflowFailException(
            f"web service {service.name} is {service.state}{goes_on}: {service.error or 'no reason was given.'}"
            f"{self._last_log_lines(service.name)}"
        )

    def _last_log_lines(self, service_name: str) -> str:
        try:
            text = self.hook.workspace.service_logs(service_name, tail=_LOG_LINES)
        except WorkspaceError as error:
            return f"\nIts log could not be read: {error}"
        return f"\nLast lines of its log:\n{text[-_LOG_CHARACTERS:]}" if text.strip() else "\nIts log is empty."
