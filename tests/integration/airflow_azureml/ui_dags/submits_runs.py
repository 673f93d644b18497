"""Publishes a pipeline, submits it and an AutoML run, and waits for none of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, Context, chain

from airflow_azureml.links import AzureMLPipelineLink, AzureMLRunLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_workspace.records import (
    AutoMLConfig,
    AutoMLSettings,
    ComputeTarget,
    DatasetSource,
    PipelineDefinition,
    PipelineSubmission,
    PublishedPipeline,
    Run,
)

CONFIG = AutoMLConfig(dataset_name="ui-bank", label_column_name="y", iterations=2, experiment_timeout_minutes=2)


class SubmitAutoML(AzureMLBaseOperator):
    """Submits an AutoML run."""

    operator_extra_links = (AzureMLRunLink(),)

    def perform(self, context: Context) -> Run:
        """Register, submit."""
        workspace = self.hook.workspace
        version = workspace.register_dataset("ui-bank", DatasetSource(path=context["params"]["csv"])).version
        workspace.ensure_compute(ComputeTarget(name=CONFIG.compute_target))
        settings = AutoMLSettings.of(CONFIG, experiment_name="ui-automl", dataset_version=version)
        run = workspace.submit_automl(settings, submission_key=f"{context['run_id']}-automl")
        AzureMLRunLink().push(self, context, run)
        return run


class Publish(AzureMLBaseOperator):
    """Publishes a pipeline."""

    operator_extra_links = (AzureMLPipelineLink(),)

    def perform(self, context: Context) -> PublishedPipeline:
        """Publish."""
        pipeline = self.hook.workspace.publish_pipeline(
            PipelineDefinition(
                name="ui-pipeline", automl=CONFIG, model_name="ui-model", experiment_name="ui-experiment"
            )
        )
        AzureMLPipelineLink().push(self, context, pipeline)
        return pipeline


class SubmitPipeline(AzureMLBaseOperator):
    """Submits the published pipeline, and ends in another process that knows nothing of it."""

    template_fields = (*AzureMLBaseOperator.template_fields, "endpoint")
    operator_extra_links = (AzureMLRunLink(),)

    def __init__(self, *, endpoint: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint

    def perform(self, context: Context) -> NoReturn:
        """Submit."""
        key = f"{context['run_id']}-pipeline"
        run = self.hook.workspace.submit_pipeline(self.endpoint, PipelineSubmission(), submission_key=key)
        AzureMLRunLink().push(self, context, run)
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=0)), method_name="resume")

    def resume(self, context: Context, event: Any) -> None:
        """End."""


with DAG("submits_runs", schedule=None, params={"csv": ""}):
    publish = Publish(task_id="publish")
    endpoint = "{{ ti.xcom_pull(task_ids='publish')['pipeline_endpoint'] }}"
    chain(SubmitAutoML(task_id="automl"), publish, SubmitPipeline(task_id="pipeline", endpoint=endpoint))
