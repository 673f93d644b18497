"""What Airflow lets a user see decides what a page shows; which workspace it asks, and what Airflow's log learns."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import tests.airflow_home  # noqa: F401  # before Airflow is imported

# isort: split
from airflow._shared.secrets_masker import _secrets_masker as core_masker
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.models.dag import DagModel
from airflow.sdk._shared.secrets_masker import _secrets_masker as sdk_masker
from fastapi import HTTPException

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.ui.access import task_place
from airflow_azureml.ui.troubles import Trouble
from airflow_azureml.ui.workspaces import AT_ONCE, page_source
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.unit

ADDRESS = {"dag_id": "d", "dag_run_id": "r", "task_id": "t"}


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> set[DagAccessEntity]:
    """What the user may read of the DAG `d`; a test adds to it."""
    entities: set[DagAccessEntity] = set()

    def is_authorized_dag(*, method: str, access_entity: DagAccessEntity, details: Any, user: Any) -> bool:
        return (method, details.id, user) == ("GET", "d", "somebody") and access_entity in entities

    manager = SimpleNamespace(is_authorized_dag=is_authorized_dag)
    monkeypatch.setattr("airflow.api_fastapi.core_api.security.get_auth_manager", lambda: manager)
    monkeypatch.setattr(DagModel, "get_team_name", lambda *_arguments, **_named: None)
    return entities


def place(**changes: Any) -> Any:
    return task_place(SimpleNamespace(), "somebody", **(ADDRESS | changes))  # type: ignore[arg-type]


def test_page_is_for_those_who_may_read_xcoms(allowed: set[DagAccessEntity]) -> None:
    allowed.add(DagAccessEntity.TASK_LOGS)
    with pytest.raises(HTTPException, match="403"):
        place()
    allowed.add(DagAccessEntity.XCOM)
    assert place().reads_logs
    with pytest.raises(HTTPException, match="403"):
        place(dag_id="other")


def test_logs_are_for_those_who_may_read_logs(allowed: set[DagAccessEntity]) -> None:
    allowed.update(set(DagAccessEntity) - {DagAccessEntity.TASK_LOGS})
    assert not place().reads_logs


def test_token_is_masked_in_the_log_of_the_api_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before it is used: the request itself may fail, and be logged."""
    token = "t0ken-of-the-page-only"
    file = tmp_path / "token"
    file.write_text(token)
    monkeypatch.setattr(AzureMLHook, "settings", WorkspaceSettings(url="http://127.0.0.1:1", token_file=str(file)))
    seen: list[Any] = []

    def request(*_arguments: Any, **named: Any) -> Any:
        said = f"failed with {named['headers']}"
        seen.extend(masker().redact(said) for masker in (core_masker, sdk_masker))
        raise requests.ConnectionError(said)

    monkeypatch.setattr(requests.Session, "request", request)
    with page_source("c", logs=True) as source, pytest.raises(ServiceUnavailable):
        source.reading.need(lambda workspace: workspace.get_run("r"))
    assert seen
    assert not [said for said in seen if token in said or "***" not in said]


def test_pages_do_not_take_all_threads_of_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AzureMLHook, "settings", WorkspaceSettings(url="http://127.0.0.1:1", token="x" * 20))
    with ExitStack() as pages:
        for _ in range(AT_ONCE):
            pages.enter_context(page_source("c", logs=True))
        with pytest.raises(Trouble) as refused, page_source("c", logs=True):
            pass
        assert refused.value.passing
    with page_source("c", logs=True) as source:
        assert source.reading.source == "http://127.0.0.1:1"
