"""A connection of type `azureml` as the settings of a workspace: for each backend, which field means what."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.settings import AzureSettings, WorkspaceSettings
from azureml_workspace.texts import shown

if TYPE_CHECKING:
    from airflow.sdk import Connection

CONN_TYPE = "azureml"
AZURE_BACKEND = "azure_v1"

CONFIG = "workspace_config"
"""Extra: the workspace's `config.json`, its content or its path."""

_WORKSPACE = ("subscription_id", "resource_group", "workspace_name")
_OPTIONS = ("sign_in", "tenant_id", "certificate_path", "cloud", "cloud_metadata_url", "ca_file", "state_dir")
_OF_ANY_BACKEND = ("backend", "token_file")
_SECRETS = ("client_secret", "password", "certificate_password", "secret", "clientSecret")


def settings_of(connection: Connection, extra: Mapping[str, Any]) -> WorkspaceSettings:
    """What the connection says. Reads a small file when the extra `workspace_config` names one.

    :raises InvalidRequest: it is of another type, or a value in it cannot work.
    """
    if connection.conn_type != CONN_TYPE:
        raise InvalidRequest(
            f"connection {connection.conn_id!r} is of type {connection.conn_type!r}; "
            f"one of type {CONN_TYPE!r} (Azure Machine Learning) is needed."
        )
    defaults = WorkspaceSettings()
    backend = extra.get("backend") or defaults.backend
    if backend == AZURE_BACKEND:
        return WorkspaceSettings(backend=backend, azure=_azure_settings(connection, extra))
    return WorkspaceSettings(
        backend=backend,
        url=_url(connection) or defaults.url,
        token=connection.password or None,
        token_file=extra.get("token_file") or None,
    )


def _url(connection: Connection) -> str | None:
    """The workspace URL; a connection written as a URI has it in pieces."""
    host = connection.host
    if not host or "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'http'}://{host}{port}"


def _azure_settings(connection: Connection, extra: Mapping[str, Any]) -> AzureSettings:
    """Login and password are the client's id and secret; with a certificate, the password is that of its file."""
    _require_known(connection.conn_id, extra)
    given = _config(extra.get(CONFIG)) | {name: extra[name] for name in (*_WORKSPACE, *_OPTIONS) if extra.get(name)}
    values = {name: str(value).strip() for name, value in given.items()}
    values.setdefault("state_dir", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "azure_sdk"))
    if connection.login:
        values["client_id"] = connection.login.strip()
    if connection.password:
        of_certificate = values.get("sign_in") == "service_principal_certificate"
        values["certificate_password" if of_certificate else "client_secret"] = connection.password
    for name in _WORKSPACE:
        values.setdefault(name, "")  # `AzureSettings.validate` says what to do
    return AzureSettings(**values)  # type: ignore[arg-type]  # sign_in, which `validate` checks


def _require_known(conn_id: str, extra: Mapping[str, Any]) -> None:
    """:raises InvalidRequest: an extra that nothing reads: misspelt, or a secret where it would be shown."""
    for name in extra:
        if name in _SECRETS:
            raise InvalidRequest(
                f"connection {conn_id!r} has {name!r} among its extras, where it can be read in the UI; move it to the "
                "password (and client_id to the login), and replace the secret if others could see it."
            )
    known = (*_OF_ANY_BACKEND, CONFIG, *_WORKSPACE, *_OPTIONS)
    unknown = [name for name in extra if name not in known]
    if unknown:
        where = " client_id is the connection's login." if "client_id" in unknown else ""
        raise InvalidRequest(
            f"connection {conn_id!r} has extras that backend {AZURE_BACKEND} does not know: "
            f"{', '.join(map(shown, unknown))}; it knows {', '.join(known)}.{where}"
        )


def _config(given: Any) -> dict[str, Any]:
    """The workspace that a `config.json` of Azure's names, empty when there is none.

    :raises InvalidRequest: it cannot be read.
    """
    if not given:
        return {}
    content = given if isinstance(given, Mapping) else _parsed(str(given).strip())
    if not isinstance(content, Mapping) or not any(name in content for name in _WORKSPACE):
        raise InvalidRequest(
            f"{CONFIG} names no workspace: an object with {', '.join(_WORKSPACE)} is wanted, as Azure's portal gives "
            "under Overview, Download config.json."
        )
    return {name: content[name] for name in _WORKSPACE if content.get(name)}


def _parsed(text: str) -> Any:
    place = CONFIG
    if not text.startswith("{"):
        place = f"{CONFIG} {shown(text)}"
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InvalidRequest(
                f"{place} is neither JSON nor a file that can be read here ({type(error).__name__}); it has to be on "
                "every machine that runs tasks, triggers and the API server. Or paste its content."
            ) from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{place} is not JSON ({error}); take config.json from Azure's portal as it is."
        ) from error
