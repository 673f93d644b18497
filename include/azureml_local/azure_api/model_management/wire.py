"""Registered models and their assets as Azure's model management service shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from azureml_local.azure_api.addresses import TENANT_ID
from azureml_local.azure_api.documents import Document
from azureml_workspace.errors import NotFound
from azureml_workspace.records import ModelVersion

ASSET_URL = "aml://asset/"
_OF_A_VERSION = "model-version-"
_KEPT = (
    "framework",
    "frameworkVersion",
    "mimeType",
    "description",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
)
CREATED_BY = {
    "userObjectId": TENANT_ID,
    "userTenantId": TENANT_ID,
    "userName": "local",
    "userPuId": None,
    "userIdp": None,
    "userAltSecId": None,
    "userIss": None,
}


def model_id(name: str, version: int) -> str:
    """What Azure calls a version."""
    return f"{name}:{version}"


def split_model_id(text: str) -> tuple[str, int]:
    """Name and version of `name:version`. :raises NotFound: nothing is called so."""
    name, _, version = text.rpartition(":")
    if not name or not version.isdecimal():
        raise NotFound(f"there is no model {text!r}; a model's id is name:version.")
    return name, int(version)


def asset_of_version(model: ModelVersion) -> str:
    """The id of the asset of a version that was not registered through one."""
    return f"{_OF_A_VERSION}{model.version}-{model.name}"


def version_of_asset(asset_id: str) -> tuple[str, int] | None:
    """Name and version of a model by the id that `asset_of_version` gave; None for any other asset."""
    version, _, name = asset_id.removeprefix(_OF_A_VERSION).partition("-")
    if not asset_id.startswith(_OF_A_VERSION) or not version.isdecimal():
        return None
    return name, int(version)


def model_entity(model: ModelVersion, experiment_name: str | None, kept: Document) -> dict[str, Any]:
    """One version. `kept` is what the SDK gave beside what the engine knows."""
    return {
        "id": model_id(model.name, model.version),
        "name": model.name,
        "version": model.version,
        "url": kept.get("url") or ASSET_URL + asset_of_version(model),
        "createdTime": timestamp(model.created_at),
        "modifiedTime": timestamp(model.created_at),
        "unpack": bool(kept.get("unpack")),
        "parentModelId": None,
        "runId": kept.get("runId") or model.run_id or None,
        "experimentName": kept.get("experimentName") or experiment_name,
        "kvTags": model.tags,
        "properties": kept.get("properties") or {},
        "derivedModelIds": [],
        "datasets": kept.get("datasets") or [],
        "createdBy": CREATED_BY,
        **{field: kept.get(field) for field in _KEPT},
    }


def timestamp(moment: datetime) -> str:
    """ISO 8601, as the SDK parses it."""
    return moment.isoformat()
