"""The form of a connection of type `azureml`: fields, help texts, what Airflow's own fields are called.

Read with the provider's description, before Airflow's configuration is ready, so nothing is imported here.
"""

from __future__ import annotations

from typing import Any

SIGN_INS = (
    "service_principal_secret",
    "service_principal_certificate",
    "managed_identity",
    "workload_identity",
    "azure_cli",
    "interactive",
)
CLOUDS = ("AzureCloud", "AzureChinaCloud", "AzureUSGovernment")


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _choice(label: str, description: str, values: tuple[str, ...]) -> dict[str, Any]:
    return _text(label, description, enum=[*values, None], default=values[0])


CONN_FIELDS: dict[str, dict[str, Any]] = {
    "backend": _choice(
        "Backend",
        "Which adapter answers: 'local' is the server that plays Azure ML on one machine (Workspace URL and token), "
        "'azure_v1' is Azure ML itself (the fields below).",
        ("local", "azure_v1"),
    ),
    "token_file": _text(
        "Token file",
        "local: path of the file that holds the bearer token, readable by the worker. Leave empty to give a token.",
    ),
    "workspace_config": {
        "label": "config.json of the workspace",
        "description": "azure_v1: its content, or its path on every machine of Airflow (Azure portal: the workspace's "
        "Overview, Download config.json). The three fields below win over it.",
        "schema": {"type": ["string", "null"], "format": "multiline"},
    },
    "subscription_id": _text("Subscription ID", "azure_v1: of the workspace."),
    "resource_group": _text("Resource group", "azure_v1: of the workspace."),
    "workspace_name": _text("Workspace name", "azure_v1: of the workspace."),
    "sign_in": _choice(
        "Sign-in",
        "azure_v1: a service principal (login: client ID; password: its secret, or that of the certificate's file), "
        "the managed identity of the machine (login: client ID of a user-assigned one), the workload identity of a "
        "Kubernetes pod, an `az login` on the worker, or a browser (for notebooks).",
        SIGN_INS,
    ),
    "tenant_id": _text("Tenant ID", "azure_v1: the directory of the service principal."),
    "certificate_path": _text(
        "Certificate", "azure_v1: path of a PEM or PKCS12 file with certificate and private key, on the workers."
    ),
    "cloud": _text(
        "Cloud", f"azure_v1: {', '.join(CLOUDS)}, or one that the metadata URL describes.", default=CLOUDS[0]
    ),
    "cloud_metadata_url": _text("Cloud metadata URL", "azure_v1: describes a cloud that is not Microsoft's own."),
    "ca_file": _text("CA file", "azure_v1: the authorities that such a cloud's certificate is checked with."),
    "state_dir": _text("SDK folder", "azure_v1: where the SDK keeps its caches. Default: azure_sdk in Airflow's home."),
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["port", "schema"],
    "relabeling": {"host": "Workspace URL", "login": "Client ID", "password": "Token or client secret"},
    "placeholders": {
        "host": "http://127.0.0.1:8790 (backend local)",
        "login": "backend azure_v1",
        "password": "local: the token, unless a token file is named; azure_v1: as the sign-in says",
    },
}
