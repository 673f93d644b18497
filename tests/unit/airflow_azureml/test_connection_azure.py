from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow is imported

from airflow_azureml._connection_form import CLOUDS, CONN_FIELDS, SIGN_INS, UI_FIELD_BEHAVIOUR
from airflow_azureml.hook import AzureMLHook
from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.connect import ADAPTERS
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.settings import AzureSettings, AzureSignIn, WorkspaceSettings

pytestmark = pytest.mark.unit

SECRET = "hush-hush-0123456789"
WORKSPACE_OF_AZURE = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


def connection_env(monkeypatch: pytest.MonkeyPatch, value: dict[str, Any] | str) -> AzureMLHook:
    text = value if isinstance(value, str) else json.dumps({"conn_type": "azureml"} | value)
    monkeypatch.setenv("AIRFLOW_CONN_AZUREML_DEFAULT", text)
    return AzureMLHook()


def azure(monkeypatch: pytest.MonkeyPatch, *, extra: dict[str, Any] | None = None, **fields: Any) -> AzureMLHook:
    monkeypatch.setenv("AIRFLOW_HOME", "/airflow")
    value = {"extra": {"backend": "azure_v1"} | WORKSPACE_OF_AZURE | (extra or {})} | fields
    return connection_env(monkeypatch, value)


def expected(**given: Any) -> WorkspaceSettings:
    of_azure = AzureSettings(**({"state_dir": "/airflow/azure_sdk"} | WORKSPACE_OF_AZURE | given))
    return WorkspaceSettings(backend="azure_v1", azure=of_azure)


@pytest.mark.parametrize(
    ("fields", "extra", "settings"),
    [
        (
            {"login": "app", "password": SECRET},
            {"tenant_id": "t"},
            {"client_id": "app", "client_secret": SECRET, "tenant_id": "t"},
        ),
        (
            {"login": "app", "password": SECRET},
            {"tenant_id": "t", "sign_in": "service_principal_certificate", "certificate_path": "/c.pem"},
            {
                "client_id": "app",
                "certificate_password": SECRET,
                "tenant_id": "t",
                "certificate_path": "/c.pem",
                "sign_in": "service_principal_certificate",
            },
        ),
        ({}, {"sign_in": "managed_identity"}, {"sign_in": "managed_identity"}),
        (
            {"login": "mine"},
            {"sign_in": "managed_identity"},
            {"sign_in": "managed_identity", "client_id": "mine"},
        ),
        ({}, {"sign_in": "workload_identity"}, {"sign_in": "workload_identity"}),
        (
            {},
            {"sign_in": "azure_cli", "cloud": "AzureChinaCloud"},
            {"sign_in": "azure_cli", "cloud": "AzureChinaCloud"},
        ),
        (
            {},
            {
                "sign_in": "azure_cli",
                "state_dir": "/s",
                "cloud": "Own",
                "cloud_metadata_url": "http://m",
                "ca_file": "/c",
            },
            {
                "sign_in": "azure_cli",
                "state_dir": "/s",
                "cloud": "Own",
                "cloud_metadata_url": "http://m",
                "ca_file": "/c",
            },
        ),
        # A form gives what was left empty as an empty text, and keeps what belongs to another backend.
        ({}, {"sign_in": "azure_cli", "tenant_id": "", "token_file": "/t", "cloud": None}, {"sign_in": "azure_cli"}),
    ],
)
def test_settings_of_each_sign_in(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], extra: dict[str, Any], settings: dict[str, Any]
) -> None:
    hook = azure(monkeypatch, extra=extra, **fields)
    assert hook.settings == expected(**settings)
    assert asyncio.run(hook.asettings()) == expected(**settings)
    assert SECRET not in repr(hook.settings)


def test_a_connection_written_as_a_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/airflow")
    query = "backend=azure_v1&subscription_id=s&resource_group=g&workspace_name=w&tenant_id=t"
    hook = connection_env(monkeypatch, f"azureml://app:p%40ss-0123456@?{query}")
    assert hook.settings == expected(client_id="app", client_secret="p@ss-0123456", tenant_id="t")


@pytest.mark.parametrize("form", ["text", "path", "object"])
def test_config_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str) -> None:
    content: Any = {"subscription_id": "of-config", "resource_group": "g", "workspace_name": "of-config", "more": 1}
    given = content
    if form != "object":
        given = json.dumps(content, indent=2)
    if form == "path":
        file = tmp_path / "config.json"
        file.write_text(given)
        given = str(file)
    monkeypatch.setenv("AIRFLOW_HOME", "/airflow")
    extra = {"backend": "azure_v1", "sign_in": "azure_cli", "workspace_config": given, "workspace_name": "explicit"}
    found = connection_env(monkeypatch, {"extra": extra}).settings.azure
    assert found is not None
    assert (found.subscription_id, found.resource_group, found.workspace_name) == ("of-config", "g", "explicit")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"workspace_config": "/nowhere/config.json"}, "neither JSON nor a file"),
        ({"workspace_config": "{"}, "is not JSON"),
        ({"workspace_config": "{}"}, "names no workspace"),
        ({"workspace_config": '{"scope": 1}'}, "names no workspace"),
        ({"client_secret": SECRET}, "move it to the password"),
        ({"password": SECRET}, "move it to the password"),
        ({"client_id": "x"}, "client_id is the connection's login"),
        ({"tenantId": "x"}, "it knows .*tenant_id"),
    ],
)
def test_what_cannot_work_says_what_to_do(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], words: str) -> None:
    hook = azure(monkeypatch, extra={"sign_in": "azure_cli"} | extra)
    with pytest.raises(InvalidRequest, match=words) as caught:
        _ = hook.settings
    assert SECRET not in str(caught.value)
    assert hook.test_connection() == (False, f"InvalidRequest: {caught.value}")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"workspace_name": ""}, "workspace_name of the Azure ML workspace is empty; .*config.json"),
        ({"sign_in": "magic"}, "sign_in is 'magic'; choose one of service_principal_secret"),
        ({}, "sign_in service_principal_secret needs tenant_id, client_id, client_secret too"),
        ({"sign_in": "azure_cli", "cloud": "Azurecloud"}, "cloud is 'Azurecloud'; choose one of AzureCloud"),
    ],
)
def test_the_test_button_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], words: str
) -> None:
    ok, message = azure(monkeypatch, extra=extra).test_connection()
    assert not ok
    assert re.search(words, message), message


def test_the_form_offers_what_the_adapters_know() -> None:
    """The form is plain data, read before anything can be imported."""
    assert get_args(AzureSignIn) == SIGN_INS
    assert CONN_FIELDS["backend"]["schema"]["enum"] == [*ADAPTERS, None]
    for cloud in CLOUDS:
        names = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}
        assert cloud_of(AzureSettings(**names, cloud=cloud)).name == cloud


def test_no_field_of_the_form_holds_a_secret() -> None:
    assert not [name for name in CONN_FIELDS if "secret" in name or "password" in name]
    assert all(field["description"] for field in CONN_FIELDS.values())


def test_every_field_says_what_goes_into_it() -> None:
    assert all(field["label"] and field["description"].endswith(".") for field in CONN_FIELDS.values())
    assert set(UI_FIELD_BEHAVIOUR["relabeling"]) == set(UI_FIELD_BEHAVIOUR["placeholders"])


def test_a_portal_is_led_to_only_where_a_browser_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"sign_in": "azure_cli"}
    assert azure(monkeypatch, extra=extra).has_portal is True
    own = extra | {"cloud": "Own", "cloud_metadata_url": "http://127.0.0.1:1/metadata"}
    assert azure(monkeypatch, extra=own).has_portal is False


@pytest.mark.parametrize("sign_in", ["service_principal_secret", "service_principal_certificate"])
def test_the_password_is_masked_before_it_is_used(monkeypatch: pytest.MonkeyPatch, sign_in: str) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_azureml.hook.mask_secret", masked.append)
    extra = {"tenant_id": "t", "certificate_path": "/c.pem", "sign_in": sign_in}
    hook = azure(monkeypatch, extra=extra, login="app", password=SECRET)
    shown = repr(hook.workspace) + repr(hook.settings)
    assert set(masked) == {SECRET}, "for each of the two tokens"
    assert SECRET not in shown
