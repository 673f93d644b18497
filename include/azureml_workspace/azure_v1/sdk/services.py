"""Web services. Each operation returns as soon as Azure has accepted it, with the id of what Azure then does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.sdk.inference import inference_files
from azureml_workspace.azure_v1.sdk.session import SdkSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azureml.core import Environment, Model
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import Webservice

_SERVERS = ("azureml-defaults", "azureml-inference-server-http")


@dataclass(frozen=True, kw_only=True)
class _Deployment:
    """The arguments of both operations; see `records.DeploySettings`."""

    name: str
    model_name: str
    model_version: int
    cpu_cores: float
    memory_gb: float
    auth_enabled: bool
    app_insights_enabled: bool | None
    tags: Mapping[str, str]
    variables: Mapping[str, str]


def deploy_service(session: SdkSession, *, overwrite: bool, **arguments: Any) -> str | None:
    """Begin to create the service, over one of its name when that is meant."""
    from azureml.core import Model
    from azureml.core.webservice import AciWebservice

    wanted = _Deployment(**arguments)
    configuration = AciWebservice.deploy_configuration(
        cpu_cores=wanted.cpu_cores,
        memory_gb=wanted.memory_gb,
        auth_enabled=wanted.auth_enabled,
        enable_app_insights=wanted.app_insights_enabled,
        tags=dict(wanted.tags),
    )
    with _inference(session, wanted) as (model, inference):
        service = Model.deploy(session.workspace, wanted.name, [model], inference, configuration, overwrite=overwrite)
    return _operation_of(service)


def update_service(session: SdkSession, **arguments: Any) -> str | None:
    """Begin to update the service where it is: its address and its keys stay."""
    from azureml.core.webservice import AciWebservice

    wanted = _Deployment(**arguments)
    service = AciWebservice(session.workspace, wanted.name)
    with _inference(session, wanted) as (model, inference):
        service.update(
            models=[model],
            inference_config=inference,
            auth_enabled=wanted.auth_enabled,
            enable_app_insights=wanted.app_insights_enabled,
            tags=dict(wanted.tags),
        )
    return _operation_of(service)


def _operation_of(service: Webservice) -> str | None:
    """What the SDK would poll in `wait_for_deployment`; None when Azure named no operation."""
    endpoint: str | None = service._operation_endpoint
    return endpoint.rpartition("/")[2] if endpoint else None


@contextmanager
def _inference(session: SdkSession, wanted: _Deployment) -> Iterator[tuple[Model, InferenceConfig]]:
    """The model, and how it is served: entry script and environment, in files that are there for that long."""
    from azureml.core import Environment, Model
    from azureml.core.model import InferenceConfig

    model = Model(session.workspace, name=wanted.model_name, version=wanted.model_version)
    with TemporaryDirectory(prefix="deploy-") as folder:
        files = inference_files(session, model, Path(folder))
        environment = Environment.from_conda_specification(f"{wanted.name}-environment", str(files.conda))
        _add_inference_server(environment)
        environment.environment_variables = dict(wanted.variables)
        yield (
            model,
            InferenceConfig(
                entry_script=files.entry_script, source_directory=str(files.source), environment=environment
            ),
        )


def _add_inference_server(environment: Environment) -> None:
    """Azure does not add the server that runs the script; AutoML's own environments name it, older ones may not."""
    packages = environment.python.conda_dependencies
    if not any(str(package).startswith(_SERVERS) for package in packages.pip_packages):
        packages.add_pip_package(_SERVERS[0])


OPERATIONS: dict[str, Callable[..., Any]] = {"deploy_service": deploy_service, "update_service": update_service}
