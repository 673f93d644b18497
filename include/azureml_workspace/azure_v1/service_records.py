"""Azure's web services as records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from azureml_workspace.azure_v1.times import moment
from azureml_workspace.records import DeploySettings, WebService
from azureml_workspace.statuses import FAILED_SERVICE_STATES, ServiceState

RESPONSE_FORMAT_VARIABLE = "AIRFLOW_AZUREML_RESPONSE_FORMAT"
"""Variable of the environment of a deployment; the entry script answers as it says."""
COLLECT_INPUTS_VARIABLE = "AIRFLOW_AZUREML_COLLECT_INPUTS"
"""`true`: the entry script prints a sample of the rows, which Application Insights keeps."""
SERVICE_NAME_VARIABLE = "SERVICE_NAME"
"""Under this name Azure's inference server notes requests, and the entry script what it scored."""
LOG_LINES_SHOWN = 5
_DEPLOYMENT = ("model_name", "model_version", "auth_enabled", "response_format", "collect_inputs")
_SIZES = ("cpu_cores", "memory_gb")


def web_service(found: Mapping[str, Any]) -> WebService:
    """The record of a service's entity.

    Nobody documents the entity: what is missing in one (of a kind of service that this adapter does not make, say) is
    left at the record's default. Model and answer are those of the newest deployment that was accepted.
    """
    image = found.get("environmentImageRequest") or {}
    variables = (image.get("environment") or {}).get("environmentVariables") or {}
    name, version = _model(found, image)
    sizes = found.get("containerResourceRequirements") or {}
    scoring_uri = str(found.get("scoringUri") or "")
    state = ServiceState.parse(str(found.get("state")))
    created = moment(str(found["createdTime"]))
    return WebService(
        name=str(found["name"]),
        state=state,
        scoring_uri=scoring_uri,
        swagger_uri=str(found.get("swaggerUri") or _swagger_uri(scoring_uri)),
        model_name=name,
        model_version=version,
        auth_enabled=bool(found.get("authEnabled")),
        app_insights_enabled=bool(found.get("appInsightsEnabled")),
        response_format="object" if variables.get(RESPONSE_FORMAT_VARIABLE) == "object" else "string",
        collect_inputs=variables.get(COLLECT_INPUTS_VARIABLE) == "true",
        created_at=created,
        updated_at=moment(str(found["updatedTime"])) if found.get("updatedTime") else created,
        cpu_cores=float(sizes.get("cpu") or 0.0),
        memory_gb=float(sizes.get("memoryInGB") or 0.0),
        error=error_words(found.get("error")) if state in FAILED_SERVICE_STATES else "",
        tags=dict(found.get("kvTags") or {}),
    )


def is_same_deployment(service: WebService, settings: DeploySettings) -> bool:
    """Whether deploying `settings` would deploy what the service has: all but tags and the insights switch."""
    return is_same_size(service, settings) and all(
        getattr(service, field) == getattr(settings, field) for field in _DEPLOYMENT
    )


def is_same_size(service: WebService, settings: DeploySettings) -> bool:
    """Whether the service has the CPU and the memory that `settings` ask for."""
    return all(math.isclose(getattr(service, field), getattr(settings, field)) for field in _SIZES)


def error_words(error: Any) -> str:
    """Azure's error as one line: its message, and what its details add."""
    if not isinstance(error, Mapping):
        return str(error or "")
    lines = [str(error.get("message") or error.get("code") or "")]
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        message = str(detail.get("message") or "") if isinstance(detail, Mapping) else str(detail)
        if message and message not in lines[0]:
            lines.append(message)
    return "; ".join(" ".join(line.split()) for line in lines if line)


def with_last_lines(error: str, log: str) -> str:
    """`error` with the end of the service's log, as far as it does not hold that already."""
    lines = [line for line in log.splitlines()[-LOG_LINES_SHOWN:] if line.strip() and line not in error]
    return f"{error}; the last lines of its log: {' | '.join(lines)}" if lines else error


def _model(found: Mapping[str, Any], image: Mapping[str, Any]) -> tuple[str, int]:
    for model in found.get("models") or []:
        return str(model["name"]), int(model["version"])
    for model_id in image.get("modelIds") or []:
        name, _, version = str(model_id).rpartition(":")
        return name, int(version)
    return "", 0


def _swagger_uri(scoring_uri: str) -> str:
    """Beside the scoring URI, as the SDK composes it."""
    return f"{scoring_uri.rpartition('/')[0]}/swagger.json" if scoring_uri else ""
