from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from tests.unit.airflow_azureml.conftest import KEY, TOKEN, FakeWorkspace, service

from airflow_azureml.hook import AzureMLHook
from airflow_azureml.provider import get_provider_info
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.settings import WorkspaceSettings

pytestmark = pytest.mark.unit


def connect(monkeypatch: pytest.MonkeyPatch, value: dict[str, Any] | str) -> AzureMLHook:
    text = value if isinstance(value, str) else json.dumps({"conn_type": "azureml"} | value)
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", text)
    return AzureMLHook()


@pytest.mark.parametrize(
    ("connection", "settings"),
    [
        ({}, WorkspaceSettings()),
        (
            {"host": "http://127.0.0.1:9", "extra": {"backend": "local", "token_file": "/t"}},
            WorkspaceSettings(url="http://127.0.0.1:9", token_file="/t"),
        ),
        ({"host": "h", "port": 81, "password": "pw-123456"}, WorkspaceSettings(url="http://h:81", token="pw-123456")),
        ("azureml://:pw-123456@h:81/https", WorkspaceSettings(url="https://h:81", token="pw-123456")),
        ({"extra": {"backend": "", "token_file": ""}}, WorkspaceSettings()),
    ],
)
def test_settings(monkeypatch: pytest.MonkeyPatch, connection: Any, settings: WorkspaceSettings) -> None:
    assert connect(monkeypatch, connection).settings == settings


def test_another_type_of_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match="is of type 'http'"):
        _ = connect(monkeypatch, {"conn_type": "http"}).settings


def test_missing_connection_says_three_ways_to_make_it() -> None:
    with pytest.raises(AirflowNotFoundException) as caught:
        _ = AzureMLHook("my_workspace").settings
    for words in ("Admin > Connections", "airflow connections add my_workspace", "AIRFLOW_CONN_MY_WORKSPACE"):
        assert words in str(caught.value)


def test_the_hook_is_used_twice(workspace: FakeWorkspace) -> None:
    hook = AzureMLHook()
    assert hook.workspace is hook.workspace
    assert hook.get_conn().ping() == hook.workspace.ping()


def test_the_test_button(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert AzureMLHook().test_connection() == (True, "Connected: fake workspace")
    monkeypatch.undo()
    ok, message = connect(monkeypatch, {"extra": {"token_file": "/nowhere/token"}}).test_connection()
    assert not ok
    assert "python -m azureml_local serve" in message
    ok, message = connect(monkeypatch, {"extra": {"backend": "azure_v9"}}).test_connection()
    assert not ok
    assert "choose one of local" in message
    ok, message = AzureMLHook("nowhere").test_connection()
    assert not ok
    assert "does not exist" in message


def test_the_token_is_masked_and_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_azureml.hook.mask_secret", masked.append)
    hook = connect(monkeypatch, {"password": TOKEN})
    shown = repr(hook.workspace) + repr(hook.settings)
    assert masked == [TOKEN]
    assert TOKEN not in shown


def test_keys_are_masked(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_azureml.hook.mask_secret", masked.append)
    assert AzureMLHook().scoring_key(service()) == KEY
    assert set(masked) == {KEY, "secondary-key-0123456789"}


def test_the_hurried_workspace_gives_up_soon(workspace: FakeWorkspace) -> None:
    AzureMLHook().hurried_workspace()
    ((name, limits),) = workspace.calls
    assert name == "reopened"
    assert limits["retry_seconds"] + limits["connect_timeout"] + limits["read_timeout"] <= 5


def test_provider_info_agrees_with_the_hook() -> None:
    (connection,) = get_provider_info()["connection-types"]
    assert connection["connection-type"] == AzureMLHook.conn_type
    assert connection["hook-name"] == AzureMLHook.hook_name
    assert connection["hook-class-name"] == f"{AzureMLHook.__module__}.{AzureMLHook.__name__}"
