"""Buttons on a task's page. The UI reads only the XCom under `xcom_key`, so operators push it once they know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey


class _PushedLink(BaseOperatorLink):
    """A link whose address the operator learns while it runs."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The address that was pushed; Airflow asks again when the task ends and stores the answer over it."""
        links: dict[str, str] = getattr(operator, "pushed_links", {})
        return links.get(self.xcom_key, "")

    def push(self, operator: BaseOperator, context: Context, url: str) -> None:
        """Show the link from now on, long before the task ends."""
        links: dict[str, str] = operator.pushed_links  # type: ignore[attr-defined]
        links[self.xcom_key] = url
        context["ti"].xcom_push(key=self.xcom_key, value=url)


class AzureMLRunLink(_PushedLink):
    """The run in the workspace's portal."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Azure ML run"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_run_url"


class AzureMLServiceLink(_PushedLink):
    """The web service's own description, `/swagger.json`."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Web service contract"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_service_url"
