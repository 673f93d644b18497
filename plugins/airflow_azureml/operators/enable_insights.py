"""Switch a web service's Application Insights on or off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import service_name
from airflow_azureml._waiting import Patience, wait_until
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.results import InsightsResult
from azureml_workspace.statuses import FAILED_SERVICE_STATES, SETTLED_SERVICE_STATES

if TYPE_CHECKING:
    from airflow.sdk import Context


class AzureMLEnableInsightsOperator(AzureMLBaseOperator):
    """Switch request telemetry on (or off) without a redeployment. Safe to repeat.

    Returns an `InsightsResult`.

    :param service: the deploy task's output, or the name of a web service.
    :param enabled: on (default) or off.
    :param timeout_minutes: how long to wait until the service has applied it (default 5).
    :param poll_seconds: shortest pause between two looks at the service (default 1); it grows as that of a run does.
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "service",
        "enabled",
        "timeout_minutes",
        "poll_seconds",
    )

    def __init__(
        self,
        *,
        service: Any,
        enabled: bool | str = True,
        timeout_minutes: float | str = 5,
        poll_seconds: float | str = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.enabled = enabled
        self.timeout_minutes = timeout_minutes
        self.poll_seconds = poll_seconds

    def perform(self, context: Context) -> InsightsResult:  # noqa: ARG002
        """Switch, and wait until it is applied."""
        name = service_name(self.service)
        enabled = arguments.flag("enabled", self.enabled)
        deadline = arguments.number("timeout_minutes", self.timeout_minutes) * 60
        poll = arguments.number("poll_seconds", self.poll_seconds)
        patience = Patience(poll=poll, deadline=deadline, outage=deadline)
        patience.validate()
        workspace = self.hook.workspace
        workspace.set_app_insights(name, enabled=enabled)
        service = wait_until(
            lambda: workspace.get_service(name),
            lambda seen: seen.state in SETTLED_SERVICE_STATES,
            what=f"Application Insights of {name}",
            patience=patience,
            log=self.log,
            stopped=self.was_killed,
        )
        if service.state in FAILED_SERVICE_STATES or service.app_insights_enabled != enabled:
            raise AirflowFailException(
                f"Application Insights of {name} is {_word(service.app_insights_enabled)} and the service "
                f"{service.state}: {service.error or 'no reason was given'}"
            )
        where = self.hook.insights_hint(name)
        self.log.info("Application Insights of %s is %s. Look at it with: %s", name, _word(enabled), where)
        return InsightsResult(name=name, enabled=enabled, where_to_look=where)


def _word(enabled: bool) -> str:
    return "on" if enabled else "off"
