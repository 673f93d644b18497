"""What an SDK script's process has to know to come here and not to Azure: variables, and a `config.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from azureml_local.azure_api.addresses import (
    CLOUD_NAME,
    MANAGED_IDENTITY_PATH,
    RESOURCE_GROUP,
    SUBSCRIPTION_ID,
    WORKSPACE_NAME,
    Addresses,
)
from azureml_local.files import read_json, write_bytes, write_json

ENVIRONMENT_FILE = "environment.json"
CONFIG_FILE = "config.json"
METADATA_PATH = "/metadata/endpoints?api-version=2019-05-01"


def write_environment(folder: Path, addresses: Addresses, authorities: Path, identity_secret: str) -> None:
    """Write both files. `authorities`: the certificates that clients have to trust.

    `identity_secret` lets the script sign in as App Service lets its applications: `Workspace.from_config()` without
    `auth` tries that first.
    """
    variables = {
        "ARM_CLOUD_METADATA_URL": addresses.plain + METADATA_PATH,
        "AZUREML_CURRENT_CLOUD": CLOUD_NAME,
        "REQUESTS_CA_BUNDLE": str(authorities),
        "SSL_CERT_FILE": str(authorities),
        "MSI_ENDPOINT": addresses.plain + MANAGED_IDENTITY_PATH,
        "MSI_SECRET": identity_secret,
        # By this name the SDK takes the endpoint for App Service's, and shows the secret.
        "APPSETTING_WEBSITE_SITE_NAME": CLOUD_NAME,
        # The SDK's telemetry goes to a public host; this switches it off, when it is set before the first import.
        "HBI_WORKSPACE_JOB": "true",
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
    }
    write_json(folder / ENVIRONMENT_FILE, variables, mode=0o600)
    config = {"subscription_id": SUBSCRIPTION_ID, "resource_group": RESOURCE_GROUP, "workspace_name": WORKSPACE_NAME}
    write_bytes(folder / CONFIG_FILE, msgspec.json.format(msgspec.json.encode(config)) + b"\n")


def read_environment(folder: Path) -> dict[str, str] | None:
    """The variables, None when no server offers the surface there. One that was killed leaves them behind."""
    found = read_json(folder / ENVIRONMENT_FILE)
    return found if isinstance(found, dict) else None


def forget_environment(folder: Path) -> None:
    """No server offers the surface there now: whoever gets its ports next must not be shown the secret."""
    (folder / ENVIRONMENT_FILE).unlink(missing_ok=True)
