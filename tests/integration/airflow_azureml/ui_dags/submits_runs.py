"""Publishes a pipeline, submits it and an AutoML run, and has a sensor wait for the pipeline's."""

from __future__ import annotations

from airflow.sdk import DAG, Context, chain

from airflow_azureml._submission import submission_key
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators.base import AzureMLBaseOperator
from airflow_azureml.operators.publish_pipeline import AzureMLPublishPipelineOperator
from airflow_azureml.operators.trigger_pipeline import AzureMLTriggerPipelineOperator
from airflow_azureml.sensors.pipeline_run import AzureMLPipelineRunSensor
from azureml_workspace.records import AutoMLConfig, AutoMLSettings, ComputeTarget, DatasetSource, Run

CONFIG = AutoMLConfig(dataset_name="ui-bank", label_column_name="y", iterations=2, experiment_timeout_minutes=2)


class SubmitAutoML(AzureMLBaseOperator):
    """Submits an AutoML run and does not wait for it."""

    operator_extra_links = (AzureMLRunLink(),)

    def perform(self, context: Context) -> Run:
        """Register, submit."""
        workspace = self.hook.workspace
        version = workspace.register_dataset("ui-bank", DatasetSource(path=context["params"]["csv"])).version
        workspace.ensure_compute(ComputeTarget(name=CONFIG.compute_target))
        settings = AutoMLSettings.of(CONFIG, experiment_name="ui-automl", dataset_version=version)
        run = workspace.submit_automl(settings, submission_key=submission_key(context, settings))
        AzureMLRunLink().push(self, context, run)
        return run


with DAG("submits_runs", schedule=None, params={"csv": "", "pipeline": "ui-pipeline"}):
    publish = AzureMLPublishPipelineOperator(
        task_id="publish",
        name="{{ params.pipeline }}",
        dataset=CONFIG.dataset_name,
        label_column_name=CONFIG.label_column_name,
        experiment_name="ui-experiment",
        model_name="ui-model",
        experiment_timeout_minutes=CONFIG.experiment_timeout_minutes,
        iterations=CONFIG.iterations,
    )
    pipeline = AzureMLTriggerPipelineOperator(task_id="pipeline", pipeline=publish.output, wait_for_completion=False)
    chain(SubmitAutoML(task_id="automl"), publish)
    AzureMLPipelineRunSensor(task_id="sensor", run=pipeline.output, poke_interval=1, deferrable=True)
