"""Web services as Azure's model management service shows them, and what it is asked for as the engine's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from azureml_local.azure_api.addresses import LOCATION
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.model_management.wire import CREATED_BY, model_id, split_model_id, timestamp
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import DeploySettings, ResponseFormat, ServiceKeys, WebService
from azureml_workspace.statuses import FAILED_SERVICE_STATES

RESPONSE_FORMAT_VARIABLE = "AIRFLOW_AZUREML_RESPONSE_FORMAT"
"""Variable of a deployment's environment that says what `POST /score` answers; the entry script reads it on Azure."""
COLLECT_INPUTS_VARIABLE = "AIRFLOW_AZUREML_COLLECT_INPUTS"
"""Another: whether the entry script keeps a sample of the rows. One that says nothing keeps none, as on Azure."""
_ACI = "ACI"
_CPU_CORES, _MEMORY_GB = 0.1, 0.5
"""Azure's own defaults."""
_NOT_HERE = ("sslEnabled", "cname", "vnetConfiguration", "encryptionProperties", "dataCollection", "imageId")

Entity = dict[str, Any]


def deploy_settings(body: Document) -> DeploySettings:
    """What the body of a new deployment asks for. :raises InvalidRequest: it asks for something that is not here."""
    if body.get("computeType") != _ACI:
        raise InvalidRequest(f"computeType is {body.get('computeType')!r}; web services here are of type {_ACI}.")
    unknown = [field for field in _NOT_HERE if body.get(field)]
    if unknown:
        raise InvalidRequest(f"{', '.join(unknown)} cannot be had here: a web service is a process of this machine.")
    sizes = body.get("containerResourceRequirements") or {}
    image = body.get("environmentImageRequest")
    name, version = model_of(image)
    return DeploySettings(
        service_name=str(body.get("name") or ""),
        model_name=name,
        model_version=version,
        cpu_cores=float(sizes.get("cpu") or _CPU_CORES),
        memory_gb=float(sizes.get("memoryInGB") or _MEMORY_GB),
        auth_enabled=bool(body.get("authEnabled")),
        response_format=response_format_of(image),
        app_insights_enabled=body.get("appInsightsEnabled"),
        collect_inputs=collects_inputs(image),
        tags=tags_of(body.get("kvTags")),
    )


def model_of(image: Any) -> tuple[str, int]:
    """The one model of an `environmentImageRequest`. :raises InvalidRequest: there is none, or there are several."""
    models = image.get("modelIds") if isinstance(image, dict) else None
    if not isinstance(models, list) or len(models) != 1:
        raise InvalidRequest(f"environmentImageRequest.modelIds is {models!r}; a web service here has one model.")
    return split_model_id(str(models[0]))


def response_format_of(image: Any) -> ResponseFormat:
    """What the deployment's environment says of the answers; text, as Azure's AutoML script gives, when nothing.

    :raises InvalidRequest:
    """
    given = _variables(image).get(RESPONSE_FORMAT_VARIABLE) or "string"
    if given == "object":
        return "object"
    if given != "string":
        raise InvalidRequest(f"{RESPONSE_FORMAT_VARIABLE} is {given!r}; choose string or object.")
    return "string"


def collects_inputs(image: Any) -> bool:
    """Whether the deployment's environment asks for a sample of the inputs."""
    return str(_variables(image).get(COLLECT_INPUTS_VARIABLE)).lower() == "true"


def _variables(image: Any) -> dict[str, Any]:
    environment = (image or {}).get("environment") or {}
    return environment.get("environmentVariables") or {}


def tags_of(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags as text."""
    return {str(name): str(value) for name, value in (given or {}).items()}


def keys_of(body: Document) -> ServiceKeys | None:
    """The keys that a deployment brings; None when they are to be random. :raises InvalidRequest: one is missing."""
    keys = body.get("keys") or {}
    primary, secondary = keys.get("primaryKey"), keys.get("secondaryKey")
    if not primary and not secondary:
        return None
    if not primary or not secondary:
        raise InvalidRequest("keys has one key; give primaryKey and secondaryKey, or neither.")
    return ServiceKeys(primary=str(primary), secondary=str(secondary))


def service_entity(service: WebService, wanted: DeploySettings, kept: Document, models: list[Entity]) -> Entity:
    """One service. `wanted` is the deployment that was asked for last, `kept` what the SDK gave beside that."""
    return {
        "id": service.name,
        "name": service.name,
        "computeType": _ACI,
        "description": kept.get("description"),
        "kvTags": service.tags,
        "properties": kept.get("properties") or {},
        "createdTime": timestamp(service.created_at),
        "updatedTime": timestamp(service.updated_at),
        "createdBy": CREATED_BY,
        "operationId": kept.get("operationId"),
        "state": service.state.value,
        "error": service_error(service),
        "appInsightsEnabled": service.app_insights_enabled,
        "authEnabled": wanted.auth_enabled,
        "containerResourceRequirements": {"cpu": wanted.cpu_cores, "memoryInGB": wanted.memory_gb},
        "location": LOCATION,
        "publicIp": urlsplit(service.scoring_uri).hostname,
        "publicFqdn": urlsplit(service.scoring_uri).hostname,
        "scoringUri": service.scoring_uri,
        "swaggerUri": service.swagger_uri,
        "cname": None,
        "sslEnabled": False,
        "sslCertificate": None,
        "sslKey": None,
        "environmentImageRequest": _image(wanted, kept.get("environmentImageRequest") or {}),
        "models": models,
        "modelConfigMap": {},
    }


def service_error(service: WebService) -> Entity | None:
    """Why a service failed, None when it did not."""
    if service.state not in FAILED_SERVICE_STATES:
        return None
    return {
        "code": "DeploymentFailed",
        "statusCode": 400,
        "message": service.error,
        "details": [{"code": service.state.value, "message": service.error}],
    }


def _image(wanted: DeploySettings, kept: Entity) -> Entity:
    """The image request that was given, brought up to date with what the engine was asked for since."""
    environment = kept.get("environment") or {"name": "local", "version": None}
    variables = {
        **(environment.get("environmentVariables") or {}),
        RESPONSE_FORMAT_VARIABLE: wanted.response_format,
        COLLECT_INPUTS_VARIABLE: "true" if wanted.collect_inputs else "false",
    }
    return {
        "driverProgram": kept.get("driverProgram"),
        "assets": kept.get("assets") or [],
        "modelIds": [model_id(wanted.model_name, wanted.model_version)],
        "environment": {**environment, "environmentVariables": variables},
    }
