"""What the operators and the sensor share: the connection, the retry policy, and the links they show."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from airflow_azureml._awaited import Awaited, recall
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.retry_policy import AzureMLRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

RETRY_POLICY = AzureMLRetryPolicy()


class AzureMLTask:
    """Mixed into an Airflow operator."""

    azureml_conn_id: str
    ui_color = "#e6f2fb"
    pushed_run_id: str | None = None
    """The run whose link is shown, for one who watches the task in its own process."""

    if TYPE_CHECKING:

        @property
        def log(self) -> Logger:
            """The operator's."""
            ...

    @cached_property
    def hook(self) -> AzureMLHook:
        """Made when first used, so that parsing a DAG looks up no connection."""
        return AzureMLHook(self.azureml_conn_id)

    def hook_of(self, awaited: Awaited) -> AzureMLHook:
        """Of the connection by which something was begun; another try may be given another one."""
        return self.hook if awaited.conn_id == self.hook.azureml_conn_id else AzureMLHook(awaited.conn_id)

    @cached_property
    def pushed_links(self) -> dict[str, str]:
        """Addresses that were shown so far, by the XCom they are shown with."""
        return {}

    def take_over(self, context: Context) -> Awaited | None:
        """What this task waits for, from the process that deferred it, with its connection and its links."""
        awaited = recall(context, self.log)
        if awaited is not None:
            self.hook = AzureMLHook(awaited.conn_id)
            self.pushed_links.update(awaited.links)
        return awaited
