"""A remembered service in the two forms others know: the seam's record and the file its process follows."""

from __future__ import annotations

from dataclasses import replace

from azureml_local.paths import Home
from azureml_local.scoring.config import ScriptConfig, ServiceConfig
from azureml_local.services.ports import http_url
from azureml_local.store.services import Deployment, StoredService
from azureml_workspace.records import DeploySettings, WebService


def deployment(settings: DeploySettings, script: ScriptConfig | None = None) -> Deployment:
    """What makes two deployments the same: all but the tags and the insights switch, which change without one."""
    fields = replace(settings, tags={}, app_insights_enabled=None).to_dict()
    return replace(Deployment.from_dict(fields), script=script)


def web_service(service: StoredService, advertised_host: str | None = None) -> WebService:
    """The service as clients see it. Until an update is taken up, that is what serves and not what is wanted.

    Its addresses name `advertised_host`; None: the address it listens on.
    """
    serving = service.live or service.wanted
    url = http_url(advertised_host or service.host, service.port)
    return WebService(
        name=service.name,
        state=service.state,
        scoring_uri=f"{url}/score",
        swagger_uri=f"{url}/swagger.json",
        model_name=serving.model_name,
        model_version=serving.model_version,
        auth_enabled=serving.auth_enabled,
        app_insights_enabled=service.app_insights_enabled,
        response_format=serving.response_format,
        collect_inputs=serving.collect_inputs,
        created_at=service.created_at,
        updated_at=service.updated_at,
        cpu_cores=serving.cpu_cores,
        memory_gb=serving.memory_gb,
        error=service.error,
        tags=service.tags,
    )


def service_config(home: Home, service: StoredService) -> ServiceConfig:
    """What the service's process is asked for (`service.json`)."""
    wanted = service.wanted
    return ServiceConfig(
        generation=service.generation,
        name=service.name,
        host=service.host,
        port=service.port,
        model_dir=str(home.model(wanted.model_name, wanted.model_version)),
        model_name=wanted.model_name,
        model_version=wanted.model_version,
        auth_enabled=wanted.auth_enabled,
        app_insights_enabled=service.app_insights_enabled,
        response_format=wanted.response_format,
        script=wanted.script,
        collect_inputs=wanted.collect_inputs,
    )
