"""Buttons on a task's page, and where they lead.

The UI reads only the XCom under `xcom_key`, so operators push it as soon as they know it. Airflow asks `get_link` again
whenever a process of the task ends and stores the answer over it, also when that process only resumed the task, or
failed it because it had been deferred for too long: such a process takes over the links of the one that deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_azureml.hook import AzureMLHook
    from azureml_workspace.records import PublishedPipeline, Run

RUN_KEY = "azureml_run"
"""XCom of a task that submitted a run: {"conn_id", "run_id"}. The run's page looks it up."""

PIPELINE_KEY = "azureml_pipeline"
"""XCom of a task that published a pipeline: {"conn_id", "pipeline_id"}."""

USUAL_CONNECTION = "azureml_default"
"""Whose workspace the pages of the navigation show when they are asked for none."""

PAGES = "/azureml"
"""Where the pages are, below the root of Airflow's API server."""


class LinkedTask(Protocol):
    """A task that shows links: an operator of this package, or a sensor."""

    pushed_run_id: str | None

    @property
    def pushed_links(self) -> dict[str, str]:
        """Addresses by XCom."""
        ...

    @property
    def hook(self) -> AzureMLHook:
        """Knows whether the workspace has a portal."""
        ...


class _PushedLink(BaseOperatorLink):
    """A link whose address the operator learns while it runs."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The address that was pushed, by this process or the one that deferred; empty when there is none."""
        links: dict[str, str] = getattr(operator, "pushed_links", {})
        return links.get(self.xcom_key, "")

    def _show(self, operator: LinkedTask, context: Context, url: str) -> None:
        """Show the link from now on, long before the task ends."""
        operator.pushed_links[self.xcom_key] = url
        context["ti"].xcom_push(key=self.xcom_key, value=url)


class AzureMLRunLink(_PushedLink):
    """The run: in the workspace's portal, or on a page of Airflow when it has none."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Azure ML run"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_run_url"

    def push(self, operator: LinkedTask, context: Context, run: Run) -> str:
        """Show the link from now on, and say in XCom which run it is. Returns the address."""
        operator.pushed_run_id = run.run_id
        given = {"conn_id": operator.hook.azureml_conn_id, "run_id": run.run_id}
        context["ti"].xcom_push(key=RUN_KEY, value=given)
        url = run.portal_url if operator.hook.has_portal else page_of("run", context["ti"])
        self._show(operator, context, url)
        return url


class AzureMLPipelineLink(_PushedLink):
    """The published pipeline: in the workspace's portal, or on a page of Airflow when it has none."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Azure ML pipeline"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_pipeline_url"

    def push(self, operator: LinkedTask, context: Context, pipeline: PublishedPipeline) -> str:
        """Show the link from now on, and say in XCom which pipeline it is. Returns the address."""
        given = {"conn_id": operator.hook.azureml_conn_id, "pipeline_id": pipeline.pipeline_id}
        context["ti"].xcom_push(key=PIPELINE_KEY, value=given)
        url = pipeline.portal_url if operator.hook.has_portal else page_of("pipeline", context["ti"])
        self._show(operator, context, url)
        return url


class AzureMLDatasetLink(_PushedLink):
    """The dataset's page: this version, its profile, and how far it is from the one before."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Azure ML data"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_dataset_url"

    def push(self, operator: LinkedTask, context: Context, name: str, version: int | None = None) -> None:
        """Show the link from now on; without a version, as for a drop that was refused, to the latest one."""
        query: dict[str, Any] = {"name": name} if version is None else {"name": name, "version": version}
        self._show(operator, context, _workspace_page("data", operator, **query))


class AzureMLServiceLink(_PushedLink):
    """The web service's page: how it does, its log, its contract in Swagger UI, and a form to try it."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Azure ML web service"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_service_url"

    def push(self, operator: LinkedTask, context: Context, name: str) -> None:
        """Show the link from now on."""
        self._show(operator, context, _workspace_page("services", operator, name=name))


class AzureMLDecisionLink(_PushedLink):
    """The model's page, where the decisions of the gate are: every one, beside the figures of both models."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Azure ML decision"

    @property
    def xcom_key(self) -> str:
        """Where the UI finds the address."""
        return "azureml_decision_url"

    def push(self, operator: LinkedTask, context: Context, model_name: str) -> None:
        """Show the link from now on."""
        self._show(operator, context, f"{_workspace_page('models', operator, name=model_name)}#decisions")


def _workspace_page(page: str, operator: LinkedTask, **query: Any) -> str:
    """The address of a page of the operator's workspace; its connection is named when it is not the usual one."""
    conn_id = operator.hook.azureml_conn_id
    return f"{pages_root()}/{page}?{urlencode(query if conn_id == USUAL_CONNECTION else {**query, 'conn_id': conn_id})}"


def pages_root() -> str:
    """Where the pages are, from the root of the host that serves Airflow.

    It names no host: whoever reached Airflow's UI, by whatever name or tunnel, is signed in there and nowhere else.
    """
    return f"{urlsplit(conf.get('api', 'base_url', fallback='') or '').path.rstrip('/')}{PAGES}"


def page_of(page: str, ti: Any) -> str:
    """The address of the task instance's page of that name, from the root of the host that serves Airflow."""
    query = {"dag_id": ti.dag_id, "dag_run_id": ti.run_id, "task_id": ti.task_id}
    if ti.map_index is not None and ti.map_index >= 0:
        query["map_index"] = ti.map_index
    return f"{pages_root()}/{page}?{urlencode(query)}"
