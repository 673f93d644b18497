"""What all Azure ML operators share: the connection, the retry policy, and how they are stopped."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.retry_policy import AzureMLRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from azureml_workspace.records import Record


_RETRY_POLICY = AzureMLRetryPolicy()


class AzureMLBaseOperator(BaseOperator):
    """Runs `perform` and returns its record as a small JSON object.

    :param azureml_conn_id: connection of type `azureml`.
    :param retry_policy: which errors are tried again, and when (default `AzureMLRetryPolicy()`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id",)
    ui_color = "#e6f2fb"

    def __init__(
        self,
        *,
        azureml_conn_id: str = AzureMLHook.default_conn_name,
        retry_policy: RetryPolicy | None = _RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy, **kwargs)
        self.azureml_conn_id = azureml_conn_id
        self.pushed_links: dict[str, str] = {}
        self.pushed_run_id: str | None = None
        self._killed = False

    @cached_property
    def hook(self) -> AzureMLHook:
        """Made when first used, so that parsing a DAG looks up no connection."""
        return AzureMLHook(self.azureml_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the work."""
        return self.perform(context).to_dict()

    @abstractmethod
    def perform(self, context: Context) -> Record:
        """The operator's work; the record becomes its XCom."""

    def on_kill(self) -> None:
        """Remember that the task was told to stop. Airflow then lets the interrupted code go on, so it has to look."""
        self._killed = True

    def was_killed(self) -> bool:
        """Whether the task was told to stop."""
        return self._killed
