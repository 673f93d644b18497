"""Carry out the gate's decision: the challenger becomes what clients get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_azureml import _arguments as arguments
from airflow_azureml._live_change import owner_of, read_decision, seconds
from airflow_azureml.links import AzureMLDecisionLink, AzureMLServiceLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.promotion_results import PromotionResult, promotion_result
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ResponseFormat

if TYPE_CHECKING:
    from airflow.sdk import Context

    from azureml_gate.decision import DecisionRecord
    from azureml_gate.live_service import RolloutSettings
    from azureml_gate.promotion import Promotion


class AzureMLPromoteModelOperator(AzureMLBaseOperator):
    """Promote the model that the gate passed: update the live service in place, smoke-test it, and go back to the model
    before it when that fails.

    One task at a time changes a service; the others wait for it. When the service serves another model by now than the
    decision was made against, the decision is made anew and obeyed. Killed at any moment, it leaves a service that
    answers with the model before or after, and word of what it was at: another try, or the next promotion, finishes it.
    A decision is carried out once; a cleared task says how that ended.
    The task is skipped when there is nothing to promote, and fails when the model was rolled back.
    Assets given as `outlets` get the model, the decision and the drop as the extra of their event.
    Returns a `PromotionResult`.

    :param gate: the gate task's output, or the path of a decision.
    :param require_approval: whether a person must have approved the decision (`AzureMLApprovePromotionOperator`;
        default false). One that a person rejected is never promoted.
    :param cpu_cores: cores of a new service (default 1). A service that exists keeps its size, authentication, format
        and collection of inputs.
    :param memory_gb: memory of a new service (default 1).
    :param auth_enabled: whether a new service asks for a key (default true).
    :param response_format: of a new service, `string` (default) or `object`; see `AzureMLDeployModelOperator`.
    :param collect_inputs: whether a new service keeps a sample of what it scores, while telemetry is on (default true).
    :param app_insights_enabled: request telemetry (default: leave it as it is, off for a new service).
    :param timeout_minutes: how long to wait for one deployment (default 20).
    :param lease_minutes: how long to wait for others that change the service (default 60).
    :param poll_seconds: pause between two looks at the service (default 1).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "gate",
        "require_approval",
        "cpu_cores",
        "memory_gb",
        "auth_enabled",
        "response_format",
        "collect_inputs",
        "app_insights_enabled",
        "timeout_minutes",
        "lease_minutes",
        "poll_seconds",
    )
    operator_extra_links = (AzureMLServiceLink(), AzureMLDecisionLink())

    def __init__(
        self,
        *,
        gate: Any,
        require_approval: bool | str = False,
        cpu_cores: float | str = 1.0,
        memory_gb: float | str = 1.0,
        auth_enabled: bool | str = True,
        response_format: str = "string",
        collect_inputs: bool | str = True,
        app_insights_enabled: bool | str | None = None,
        timeout_minutes: float | str = 20,
        lease_minutes: float | str = 60,
        poll_seconds: float | str = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gate = gate
        self.require_approval = require_approval
        self.cpu_cores = cpu_cores
        self.memory_gb = memory_gb
        self.auth_enabled = auth_enabled
        self.response_format = response_format
        self.collect_inputs = collect_inputs
        self.app_insights_enabled = app_insights_enabled
        self.timeout_minutes = timeout_minutes
        self.lease_minutes = lease_minutes
        self.poll_seconds = poll_seconds

    def perform(self, context: Context) -> PromotionResult:
        """Promote, or say why not."""
        from azureml_gate.live_service import LiveService
        from azureml_gate.promotion import promote

        settings = self._settings()
        require_approval = arguments.flag("require_approval", self.require_approval)
        wait = seconds("lease_minutes", self.lease_minutes)
        workspace = self.hook.workspace
        decision = read_decision(workspace, self.gate)
        AzureMLDecisionLink().push(self, context, decision.request.challenger.name)
        AzureMLServiceLink().push(self, context, decision.request.service)
        service = LiveService(
            workspace,
            decision.request.service,
            settings,
            scoring_key=self.hook.scoring_key,
            stopped=self.was_killed,
        )
        promotion = promote(
            workspace,
            decision,
            service=service,
            owner=owner_of(context),
            decide_anew=self._decide_anew,
            require_approval=require_approval,
            wait_seconds=wait,
            stopped=self.was_killed,
        )
        return self._told(context, promotion)

    def _decide_anew(self, decision: DecisionRecord) -> DecisionRecord:
        from azureml_gate.decide import decide

        key_of = self.hook.scoring_key
        return decide(self.hook.workspace, decision.request, key_of=key_of, supersedes=decision.decision_id)

    def _told(self, context: Context, promotion: Promotion) -> PromotionResult:
        """The result, or the exception that says what became of the task."""
        request, entry = promotion.decision.request, promotion.entry
        challenger = f"{request.challenger.name} version {request.challenger.version}"
        if promotion.needs_approval:
            raise AirflowFailException(f"{challenger} is not promoted: {promotion.reason}.")
        if entry is None:
            raise AirflowSkipException(f"{challenger} is not promoted ({promotion.decision.path}): {promotion.reason}")
        if not promotion.is_promoted:
            back = f"version {entry.model.version} of {entry.model.name}" if entry.model else "no service at all"
            raise AirflowFailException(
                f"{challenger} was rolled back, and {request.service} is at {back} again: {entry.reason}"
            )
        result = promotion_result(request.service, entry)
        service = self.hook.workspace.get_service(request.service)
        self.log.info("%s serves %s (%s) at %s", request.service, challenger, entry.decision, service.scoring_uri)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra.update(_extra(result))
        return result

    def _settings(self) -> RolloutSettings:
        from azureml_gate.live_service import RolloutSettings

        response_format = arguments.text("response_format", self.response_format)
        if response_format not in get_args(ResponseFormat):
            raise InvalidRequest(
                f"response_format is {response_format!r}; choose one of {', '.join(get_args(ResponseFormat))}."
            )
        settings = RolloutSettings(
            cpu_cores=arguments.number("cpu_cores", self.cpu_cores),
            memory_gb=arguments.number("memory_gb", self.memory_gb),
            auth_enabled=arguments.flag("auth_enabled", self.auth_enabled),
            response_format=cast("ResponseFormat", response_format),
            collect_inputs=arguments.flag("collect_inputs", self.collect_inputs),
            app_insights_enabled=arguments.optional(arguments.flag, "app_insights_enabled", self.app_insights_enabled),
            timeout=seconds("timeout_minutes", self.timeout_minutes),
            poll=arguments.number("poll_seconds", self.poll_seconds),
        )
        settings.validate()
        return settings


def _extra(result: PromotionResult) -> dict[str, Any]:
    return {
        "model_name": result.model.name,
        "model_version": result.model.version,
        "service_name": result.service_name,
        "action": result.action,
        "decision": result.decision,
        "drop_dataset": result.drop_dataset,
        "drop_key": result.drop_key,
        "champion_name": result.previous and result.previous.name,
        "champion_version": result.previous and result.previous.version,
    }
