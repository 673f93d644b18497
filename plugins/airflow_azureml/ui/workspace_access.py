"""Who may see the pages of a workspace, which belong to no DAG, and what in them.

They show what the tasks of any DAG may have written down, so they are for those whom Airflow lets read the XComs of all
DAGs: it is asked for a DAG that nobody was given by name. The connection's own permissions say the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.connection import Connection
from fastapi import Depends, Header, HTTPException, Query, Request

from airflow_azureml.links import USUAL_CONNECTION

_ANY_DAG = "~"
"""No DAG has this id, so a permission for single DAGs does not reach it."""

PAGE_HEADER = "X-Azureml-Page"
"""Sent with everything that does something: no other site's page can add it to a request without being asked first."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceReader:
    """Somebody who may look at the workspace of the connection, and what else they may.

    `reads_logs`: read the logs of all DAGs' tasks. `may_score`: start runs of all DAGs. `may_see_keys`: change the
    connection, which opens the workspace with all its keys.
    """

    conn_id: str
    reads_logs: bool
    may_score: bool
    may_see_keys: bool

    @property
    def query(self) -> dict[str, str]:
        """How a page's address names the connection; nothing when it is the usual one."""
        return {} if self.conn_id == USUAL_CONNECTION else {"conn_id": self.conn_id}


ConnectionId = Annotated[str, Query(min_length=1, max_length=250)]


def workspace_reader(
    request: Request, user: GetUserDep, *, conn_id: ConnectionId = USUAL_CONNECTION
) -> WorkspaceReader:
    """Who asks.

    Another connection than the usual one is for those who may read connections.

    :raises HTTPException: 401 when nobody is signed in, 403 when this user may not see the page.
    """
    requires_access_dag("GET", DagAccessEntity.XCOM, _ANY_DAG)(request, user)
    if conn_id != USUAL_CONNECTION and not _may_use_connection("GET", conn_id, user):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return WorkspaceReader(
        conn_id=conn_id,
        reads_logs=_allowed(request, user, "GET", DagAccessEntity.TASK_LOGS),
        may_score=_allowed(request, user, "POST", DagAccessEntity.RUN),
        may_see_keys=_may_use_connection("PUT", conn_id, user),
    )


def acting_reader(
    reader: AuthorisedReader, page: Annotated[str | None, Header(alias=PAGE_HEADER)] = None
) -> WorkspaceReader:
    """The same for what does something. :raises HTTPException: 403 when the request was not sent by a page of ours."""
    if page is None:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return reader


def _allowed(request: Request, user: GetUserDep, method: str, entity: DagAccessEntity) -> bool:
    try:
        requires_access_dag(method, entity, _ANY_DAG)(request, user)  # type: ignore[arg-type]
    except HTTPException as error:
        if error.status_code == HTTPStatus.FORBIDDEN:
            return False
        raise
    return True


def _may_use_connection(method: str, conn_id: str, user: GetUserDep) -> bool:
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method=method, details=details, user=user)  # type: ignore[arg-type]


AuthorisedReader = Annotated[WorkspaceReader, Depends(workspace_reader)]
ActingReader = Annotated[WorkspaceReader, Depends(acting_reader)]
