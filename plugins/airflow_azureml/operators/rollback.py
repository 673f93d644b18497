"""Go back to an earlier model, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_azureml import _arguments as arguments
from airflow_azureml._live_change import owner_of, person_of, seconds
from airflow_azureml._references import service_name
from airflow_azureml.links import AzureMLServiceLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.promotion_results import PromotionResult, promotion_result
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow.sdk import Context


class AzureMLRollbackOperator(AzureMLBaseOperator):
    """Have a web service serve an earlier model again, without losing a request, smoke-test it, and write it into the
    champion history with who did it and why.

    Done once per DAG run, however often the task is tried or cleared; trigger the DAG anew to go back further. When the
    older model fails its smoke test, the one that was live is put back and the task fails.
    Returns a `PromotionResult`.

    :param service: the web service: its name, or a task's output.
    :param to_version: the model version (default: the champion before the present one, by the history).
    :param reason: why, for the history.
    :param timeout_minutes: how long to wait for one deployment (default 20).
    :param lease_minutes: how long to wait for others that change the service (default 60).
    :param poll_seconds: pause between two looks at the service (default 1).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "to_version",
        "reason",
        "timeout_minutes",
        "lease_minutes",
        "poll_seconds",
    )
    operator_extra_links = (AzureMLServiceLink(),)

    def __init__(
        self,
        *,
        service: Any,
        reason: str,
        to_version: int | str | None = None,
        timeout_minutes: float | str = 20,
        lease_minutes: float | str = 60,
        poll_seconds: float | str = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.reason = reason
        self.to_version = to_version
        self.timeout_minutes = timeout_minutes
        self.lease_minutes = lease_minutes
        self.poll_seconds = poll_seconds

    def perform(self, context: Context) -> PromotionResult:
        """Go back."""
        from azureml_gate.history import ChampionAction
        from azureml_gate.live_service import LiveService, RolloutSettings
        from azureml_gate.restoring import restore

        name = service_name(self.service)
        reason = arguments.text("reason", self.reason)
        to_version = arguments.optional(arguments.integer, "to_version", self.to_version)
        if to_version is not None and to_version < 1:
            raise InvalidRequest(f"to_version is {to_version}; versions count from 1.")
        settings = RolloutSettings(
            timeout=seconds("timeout_minutes", self.timeout_minutes),
            poll=arguments.number("poll_seconds", self.poll_seconds),
        )
        settings.validate()
        wait = seconds("lease_minutes", self.lease_minutes)
        workspace = self.hook.workspace
        AzureMLServiceLink().push(self, context, name)
        service = LiveService(workspace, name, settings, scoring_key=self.hook.scoring_key, stopped=self.was_killed)
        entry = restore(
            workspace,
            service=service,
            owner=owner_of(context),
            by=person_of(context),
            reason=reason,
            to_version=to_version,
            wait_seconds=wait,
            stopped=self.was_killed,
        )
        if entry.action is not ChampionAction.RESTORED:
            raise AirflowFailException(f"{name} could not go back, and serves what it did: {entry.reason}")
        result = promotion_result(name, entry)
        self.log.info("%s serves %s version %d again.", name, result.model.name, result.model.version)
        return result
