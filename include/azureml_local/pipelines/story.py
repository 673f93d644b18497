"""What is said of a pipeline run: in its logs, and in the tags of the model that it registers."""

from __future__ import annotations

from azureml_local.store.pipeline_run_records import StoredPipelineRun
from azureml_workspace.records import LATEST, AutoMLResult, PublishedPipeline, Run


def submission_story(found: StoredPipelineRun, pipeline: PublishedPipeline) -> list[str]:
    """What was submitted, by whom, and what it came to."""
    settings = found.settings
    asked = pipeline.definition.with_parameters(found.assignments).parameters
    was_latest = f", the {LATEST} when it was submitted" if asked["dataset_version"] == LATEST else ""
    given = ", ".join(f"{name}={value!r}" for name, value in found.assignments.items()) or "none"
    return [
        f"submitted by {found.run_source} at {found.run.created_at:%Y-%m-%dT%H:%M:%SZ}: "
        f"pipeline {pipeline.name} version {pipeline.version} ({pipeline.pipeline_id})",
        f"experiment {settings.experiment_name}, parameters given: {given}",
        f"dataset {settings.dataset_name} version {settings.dataset_version}{was_latest}",
    ]


def step_story(found: StoredPipelineRun) -> list[str]:
    """What the AutoML step was submitted with."""
    settings = found.settings
    trials = "" if settings.iterations is None else f", {settings.iterations} trials at most"
    return [
        f"submitted by pipeline run {found.run.run_id}: dataset {settings.dataset_name} version "
        f"{settings.dataset_version}, label {settings.label_column_name}, {settings.primary_metric}, "
        f"{settings.experiment_timeout_minutes:g} min at most{trials}, on {settings.compute_target}"
    ]


def result_line(result: AutoMLResult) -> str:
    """The best model in one line."""
    score = result.metrics.get(result.primary_metric, float("nan"))
    return (
        f"{result.best_algorithm} is the best of {result.child_runs} trials: {result.primary_metric} {score:.5f} "
        f"({result.validation})"
    )


def model_tags(found: StoredPipelineRun, pipeline: PublishedPipeline, result: AutoMLResult) -> dict[str, str]:
    """Where a model comes from, as its tags."""
    return {
        "pipeline": pipeline.name,
        "pipeline_version": str(pipeline.version),
        "pipeline_run_id": found.run.run_id,
        "run_id": result.run_id,
        "best_child_run_id": result.best_child_run_id,
        "algorithm": result.best_algorithm,
        "dataset": found.settings.dataset_name,
        "dataset_version": str(found.settings.dataset_version),
        "label": found.settings.label_column_name,
        "primary_metric": result.primary_metric,
        result.primary_metric: f"{result.metrics.get(result.primary_metric, float('nan')):.6g}",
        "validation": result.validation,
    }


def last_line(ended: Run) -> str:
    """How a run ended."""
    return f"{ended.status.value}: {ended.error}" if ended.error else ended.status.value
