"""What all Azure ML operators share: how they run, and how they are stopped."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_azureml._task import RETRY_POLICY, AzureMLTask
from airflow_azureml.hook import AzureMLHook

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from azureml_workspace.records import Record


class AzureMLBaseOperator(AzureMLTask, BaseOperator):
    """Runs `perform` and returns its record as a small JSON object.

    :param azureml_conn_id: connection of type `azureml`.
    :param retry_policy: which errors are tried again, and when (default `AzureMLRetryPolicy()`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id",)

    def __init__(
        self,
        *,
        azureml_conn_id: str = AzureMLHook.default_conn_name,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy, **kwargs)
        self.azureml_conn_id = azureml_conn_id
        self._killed = False
        self._stopped_for_good = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the work."""
        return self.perform(context).to_dict()

    @abstractmethod
    def perform(self, context: Context) -> Record:
        """The operator's work; the record becomes its XCom."""

    def on_kill(self) -> None:
        """Remember that the task was told to stop. Airflow then lets the interrupted code go on, so it has to look."""
        self._killed = True

    def stop_for_good(self) -> None:
        """As `on_kill`, from one who knows that the task is not tried again."""
        self._stopped_for_good = True
        self.on_kill()

    def was_killed(self) -> bool:
        """Whether the task was told to stop."""
        return self._killed
