"""The hook: an Airflow connection turned into an Azure ML workspace."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from airflow_azureml._connection import CONN_TYPE, settings_of
from airflow_azureml._interrupts import INTERRUPTS
from azureml_workspace.connect import has_portal, insights_hint, open_workspace, telemetry_delay
from azureml_workspace.errors import WorkspaceError

if TYPE_CHECKING:
    from azureml_workspace.connect import TelemetryDelay
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import WebService
    from azureml_workspace.settings import WorkspaceSettings

HOW_TO_CONNECT = (
    "Make it under Admin > Connections (type Azure Machine Learning), with "
    "`airflow connections add {conn_id} --conn-type azureml --conn-host http://127.0.0.1:8790 "
    """--conn-extra '{{"backend": "local", "token_file": "PATH"}}'`, """
    "or as the environment variable AIRFLOW_CONN_{variable}. `make run` sets it by itself. "
    "docs/azure.md has the one for Azure ML."
)


class AzureMLHook(BaseHook):
    """Opens the workspace that a connection of type `azureml` describes.

    The connection's extra `backend` names the adapter:

    * `local` (default): host is the workspace URL; the password, or the file named by the extra `token_file`, holds
      the token.
    * `azure_v1`: Azure ML. The extras subscription_id, resource_group and workspace_name, or `workspace_config` (the
      workspace's config.json), name the workspace; `sign_in` says how to sign in, login and password are the client's
      id and secret. `docs/azure.md` has an example of each.

    :param azureml_conn_id: id of the connection.
    """

    conn_name_attr = "azureml_conn_id"
    default_conn_name = "azureml_default"
    conn_type = CONN_TYPE
    hook_name = "Azure Machine Learning"

    def __init__(self, azureml_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.azureml_conn_id = azureml_conn_id

    @cached_property
    def settings(self) -> WorkspaceSettings:
        """What the connection says.

        :raises AirflowNotFoundException: there is no such connection, or Airflow could not give it just now, which it
            does not tell apart; the message says how to make it.
        :raises InvalidRequest: it is of another type, or a value in it cannot work.
        """
        try:
            connection = self.get_connection(self.azureml_conn_id)
        except AirflowNotFoundException as error:
            raise _missing(self.azureml_conn_id) from error
        return settings_of(connection, connection.extra_dejson)

    async def asettings(self) -> WorkspaceSettings:
        """The same, for an event loop, which must not be blocked."""
        try:
            connection = await self.aget_connection(self.azureml_conn_id)
            extra = await connection.aextra_dejson()
        except AirflowNotFoundException as error:
            raise _missing(self.azureml_conn_id) from error
        return await asyncio.to_thread(settings_of, connection, extra)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace, opened when first used; credentials are masked in the logs before they are used."""
        return open_workspace(self.settings, on_secret=_mask)

    def get_conn(self) -> Workspace:
        """The workspace (Airflow's common name for it)."""
        return self.workspace

    def hurried_workspace(self) -> Workspace:
        """The workspace over connections of its own, giving up within seconds.

        For a task that was told to stop: it has five seconds, and the connections of `workspace` may be in the state
        in which a request was interrupted.
        """
        return hurried(self.workspace)

    def scoring_key(self, service: WebService) -> str | None:
        """The service's primary key, masked in the logs; None when the service asks for none."""
        if not service.auth_enabled:
            return None
        keys = self.workspace.service_keys(service.name)
        mask_secret(keys.primary)
        mask_secret(keys.secondary)
        return keys.primary

    @property
    def has_portal(self) -> bool:
        """Whether a browser can open the `portal_url` of the workspace's records."""
        return has_portal(self.settings)

    def insights_hint(self, service_name: str) -> str:
        """Where a person looks at the service's telemetry."""
        return insights_hint(self.settings, service_name)

    @property
    def telemetry_delay(self) -> TelemetryDelay:
        """How long the telemetry of web services is behind."""
        return telemetry_delay(self.settings)

    def test_connection(self) -> tuple[bool, str]:
        """Ask the workspace who it is; Airflow's Test button shows the message."""
        try:
            return True, f"Connected: {self.workspace.ping()}"
        except (WorkspaceError, AirflowNotFoundException) as error:
            return False, f"{type(error).__name__}: {error}"


def hurried(workspace: Workspace) -> Workspace:
    """The workspace over connections of its own, with limits of seconds."""
    return workspace.reopened(connect_timeout=1.0, read_timeout=3.0, retry_seconds=0.5)


def _mask(secret: str) -> None:
    with INTERRUPTS.held_off():  # tells Airflow's supervisor
        mask_secret(secret)


def _missing(conn_id: str) -> AirflowNotFoundException:
    how = HOW_TO_CONNECT.format(conn_id=conn_id, variable=conn_id.upper())
    return AirflowNotFoundException(
        f"connection {conn_id!r} does not exist, or Airflow could not give it just now. {how}"
    )
