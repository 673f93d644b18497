"""Published pipelines: an AutoMLStep, and the step that registers its best model."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.sdk.automl_config import automl_config
from azureml_workspace.azure_v1.sdk.session import SdkSession
from azureml_workspace.azure_v1.steps import SCRIPT, SOURCE
from azureml_workspace.records import AUTOML_STEP, REGISTER_STEP, AutoMLSettings

if TYPE_CHECKING:
    from azureml.core.runconfig import RunConfiguration
    from azureml.pipeline.core import Pipeline

_MODEL, _METRICS = "best_model", "metrics"


def publish_pipeline(
    session: SdkSession,
    name: str,
    version: str,
    description: str,
    settings: Mapping[str, Any],
    model_name: str,
    model_tags: Mapping[str, str],
) -> str:
    """Build the pipeline and publish it; gives its id."""
    automl = AutoMLSettings.from_dict(settings)
    with TemporaryDirectory(prefix="automl-") as folder:
        tags = base64.urlsafe_b64encode(json.dumps(model_tags).encode()).decode()
        pipeline = _pipeline(session, automl, folder, ["--model-name", model_name, "--tags", tags])
        published = pipeline.publish(name=name, description=description, version=version)
    return str(published.id)


def _pipeline(session: SdkSession, settings: AutoMLSettings, folder: str, arguments: list[str]) -> Pipeline:
    from azureml.core import Dataset
    from azureml.pipeline.core import Pipeline, PipelineData, TrainingOutput
    from azureml.pipeline.steps import AutoMLStep, PythonScriptStep

    workspace = session.workspace
    dataset = Dataset.get_by_name(workspace, settings.dataset_name, version=settings.dataset_version)
    store = workspace.get_default_datastore()
    outputs = [
        PipelineData(kind, datastore=store, pipeline_output_name=kind, training_output=TrainingOutput(type=training))
        for kind, training in ((_MODEL, "Model"), (_METRICS, "Metrics"))
    ]
    config = automl_config(session, settings, dataset, folder)
    automl = AutoMLStep(
        name=AUTOML_STEP,
        automl_config=config,
        outputs=outputs,
        enable_default_model_output=False,
        enable_default_metrics_output=False,
        allow_reuse=False,  # a run is asked for because one is wanted
    )
    register = PythonScriptStep(
        name=REGISTER_STEP,
        script_name=SCRIPT,
        source_directory=str(SOURCE),
        arguments=[*arguments, "--automl-step", AUTOML_STEP, "--best-model", outputs[0]],
        inputs=[outputs[0]],
        compute_target=config.user_settings["compute_target"],
        runconfig=_environment_of_script(),
        allow_reuse=False,
    )
    return Pipeline(workspace=workspace, steps=[automl, register], description=settings.experiment_name)


def _environment_of_script() -> RunConfiguration:
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.core.runconfig import RunConfiguration

    configuration = RunConfiguration()
    configuration.docker.use_docker = True
    configuration.environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["azureml-core"])
    return configuration


OPERATIONS: dict[str, Callable[..., Any]] = {"publish_pipeline": publish_pipeline}
