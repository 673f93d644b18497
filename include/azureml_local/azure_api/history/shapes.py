"""The engine's runs as run history's documents: Azure's names for what the engine knows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from azureml_local.azure_api.addresses import TENANT_ID
from azureml_local.azure_api.automl_settings import ALL_ITERATIONS, LEAST_TIMEOUT_MINUTES
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.history.experiments import experiment_id
from azureml_local.azure_api.run_artifacts import run_container, run_file_name
from azureml_local.store.pipeline_run_records import PIPELINE_RUN
from azureml_workspace.records import AutoMLSettings, ChildRun, Run
from azureml_workspace.statuses import RunStatus

AUTOML_TYPE, SCRIPT_TYPE, PIPELINE_TYPE, STEP_TYPE = (
    "automl",
    "azureml.scriptrun",
    "azureml.PipelineRun",
    "azureml.StepRun",
)
"""Values of `runType`."""


def document(
    run_id: str,
    *,
    experiment: str,
    run_type: str,
    status: str,
    created: datetime,
    started: datetime | None = None,
    ended: datetime | None = None,
    parent: str | None = None,
    root: str | None = None,
    target: str | None = None,
    properties: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    error: str = "",
) -> Document:
    """A run's document."""
    return {
        "runNumber": int(created.timestamp()),
        "rootRunId": root or parent or run_id,
        "parentRunId": parent,
        "experimentId": experiment_id(experiment),
        "runId": run_id,
        "runUuid": str(uuid.uuid5(uuid.NAMESPACE_OID, run_id)),
        "name": run_id,
        "displayName": run_id,
        "description": None,
        "status": status,
        "createdUtc": created.isoformat(),
        "startTimeUtc": started.isoformat() if started else None,
        "endTimeUtc": ended.isoformat() if ended else None,
        "heartbeatEnabled": False,
        "hidden": False,
        "dataContainerId": run_container(run_id),
        "runType": run_type,
        "runTypeV2": {"orchestrator": run_type, "traits": []},
        "properties": dict(properties or {}),
        "tags": dict(tags or {}),
        "scriptName": None,
        "target": target,
        "runDefinition": None,
        "error": error_of(error) if error else None,
        "warnings": None,
        "createdBy": {"userObjectId": None, "userTenantId": TENANT_ID, "userName": "local"},
        "userId": None,
        "token": None,
        "cancelUri": None,
    }


def error_of(message: str) -> Document:
    """Why a run failed."""
    return {"error": {"code": "UserError", "message": message, "details": [], "innerError": None}}


def automl_run(run: Run, settings: AutoMLSettings, *, root: str | None, rows: int | None, trials: int) -> Document:
    """An AutoML run. `rows`: those that it learns from, None until they are looked at."""
    properties = automl_properties(settings)
    if rows is not None:
        properties["ProblemInfoJsonString"] = json.dumps({"dataset_samples": rows, "subsampling": False})
    tags = {}
    if run.status is RunStatus.COMPLETED:
        tags = {
            "automl_best_child_run_id": run.properties.get("best_child_run_id", ""),
            "best_score": run.properties.get("best_score", ""),
            "iterations": str(trials),
            "auto": f"Validation: {run.properties.get('validation', '')}",
        }
    is_step = run.parent_run_id is not None
    return document(
        run.run_id,
        experiment=run.experiment_name,
        run_type=STEP_TYPE if is_step else AUTOML_TYPE,
        status=run.status.value,
        created=run.created_at,
        started=run.started_at,
        ended=run.ended_at,
        parent=run.parent_run_id,
        root=root,
        target=settings.compute_target,
        properties=properties | (step_properties(run, "AutoMLStep") if is_step else {}),
        tags=tags,
        error=run.error if run.status is RunStatus.FAILED else "",
    )


def automl_properties(settings: AutoMLSettings) -> dict[str, str]:
    """What AutoML writes on its run."""
    return {
        "azureml.runsource": "automl",
        "runTemplate": "AutoML",
        "display_task_type": "classification",
        "task_type": "classification",
        "primary_metric": settings.primary_metric,
        "num_iterations": str(settings.iterations or ALL_ITERATIONS),
        "num_cross_validation": str(settings.n_cross_validations or ""),
        "target": settings.compute_target,
        "AMLSettingsJsonString": json.dumps(automl_settings(settings)),
        "dependencies_versions": "{}",
    }


def automl_settings(settings: AutoMLSettings) -> dict[str, Any]:
    """`settings` as the SDK writes them."""
    excluded = list(settings.exclude_columns)
    return {
        "name": settings.experiment_name,
        "path": None,
        "task_type": "classification",
        "primary_metric": settings.primary_metric,
        "metric_operation": "maximize",
        "compute_target": settings.compute_target,
        "label_column_name": settings.label_column_name,
        "iterations": settings.iterations or ALL_ITERATIONS,
        "experiment_timeout_minutes": max(LEAST_TIMEOUT_MINUTES, settings.experiment_timeout_minutes),
        "experiment_exit_score": settings.experiment_exit_score,
        "max_concurrent_iterations": settings.max_concurrent_iterations,
        "n_cross_validations": settings.n_cross_validations,
        "validation_size": settings.validation_size or 0.0,
        "enable_early_stopping": settings.enable_early_stopping,
        "whitelist_models": list(settings.allowed_models) or None,
        "blacklist_algos": list(settings.blocked_models) or None,
        "featurization": {"_drop_columns": excluded} if excluded else "auto",
    }


def child_run(child: ChildRun, run: Run, settings: AutoMLSettings, *, root: str | None) -> Document:
    """A trial. The engine notes how long it took and not when, so it is shown as begun with its parent."""
    started = run.started_at or run.created_at
    files = f"aml://artifact/{run_file_name(child.run_id, 'outputs')}"
    properties = {
        "azureml.runsource": "automl",
        "runTemplate": "automl_child",
        "iteration": str(child.iteration),
        "primary_metric": settings.primary_metric,
        "goal": f"{settings.primary_metric}_max",
        "run_algorithm": child.algorithm,
        "run_preprocessor": "",
        "training_percent": "100",
        "fit_time": f"{child.duration_seconds:.3f}",
        "pipeline_spec": json.dumps(_pipeline_spec(child)),
        "dependencies_versions": "{}",
    }
    if child.score is not None:
        properties["score"] = repr(child.score)
    if child.run_id == run.properties.get("best_child_run_id"):
        properties |= {
            "model_output_path": "outputs/model.pkl",
            "model_data_location": f"{files}/model.pkl",
            "scoring_data_location": f"{files}/scoring_file_v_1_0_0.py",
            "conda_env_data_location": f"{files}/conda_env_v_1_0_0.yml",
            "model_name": f"{run.run_id.replace('_', '').replace('-', '')[:15]}{child.iteration}",
        }
    return document(
        child.run_id,
        experiment=run.experiment_name,
        run_type=SCRIPT_TYPE,
        status=child.status.value,
        created=run.created_at,
        started=started,
        ended=started + timedelta(seconds=child.duration_seconds),
        parent=run.run_id,
        root=root or run.run_id,
        target=settings.compute_target,
        properties=properties,
        error=child.error,
    )


def _pipeline_spec(child: ChildRun) -> dict[str, Any]:
    """One object: the engine's encoding of columns is the same in all trials, and no part of the search."""
    model = {"class_name": child.algorithm, "spec_class": "sklearn", "param_args": [], "param_kwargs": child.parameters}
    return {"objects": [model]}


def pipeline_or_step_run(run: Run, tags: Mapping[str, str]) -> Document:
    """A pipeline run, or a step of one that is no AutoML run."""
    is_pipeline = run.run_type == PIPELINE_RUN
    properties = {"azureml.runsource": PIPELINE_TYPE if is_pipeline else STEP_TYPE, **run.properties}
    return document(
        run.run_id,
        experiment=run.experiment_name,
        run_type=PIPELINE_TYPE if is_pipeline else STEP_TYPE,
        status=run.status.value,
        created=run.created_at,
        started=run.started_at,
        ended=run.ended_at,
        parent=run.parent_run_id,
        target=run.properties.get("compute_target"),
        properties=properties | ({} if is_pipeline else step_properties(run, "PythonScriptStep")),
        tags=tags,
        error=run.error if run.status is RunStatus.FAILED else "",
    )


def step_properties(run: Run, kind: str) -> dict[str, str]:
    """What a step of a pipeline run has besides."""
    return {"azureml.pipelinerunid": run.parent_run_id or "", "StepType": kind}
