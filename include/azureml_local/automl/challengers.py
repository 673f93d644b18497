"""Custom pipelines as candidates of the search, and the account of those that came to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from azureml_local.automl.custom_classifier import custom_task
from azureml_local.automl.learners import Candidate
from azureml_local.automl.row_weights import CLASS_WEIGHT, Weighing
from azureml_local.automl.search import Trial
from azureml_local.features.spec import Feature
from azureml_workspace.records import CustomPipeline, DataGuardFinding
from azureml_workspace.statuses import RunStatus

TIME_SHARE = 1 / 3
"""Of a run's time limit: what the trials of all custom pipelines may take together."""


def custom_candidates(
    pipelines: Sequence[CustomPipeline], features: Sequence[Feature], weighed: Weighing | None, limit_seconds: float
) -> list[Candidate]:
    """The pipelines, each with its share of the time of a run of `limit_seconds`.

    :raises InvalidRequest: a pipeline wants columns of which AutoML uses none.
    """
    parameters: dict[str, Any] = {} if weighed is None else {CLASS_WEIGHT: weighed}
    return [
        Candidate(
            pipeline.name,
            parameters,
            task=custom_task(pipeline, features),
            limit_seconds=limit_seconds * TIME_SHARE / len(pipelines),
        )
        for pipeline in pipelines
    ]


def custom_findings(pipelines: Sequence[CustomPipeline], trials: Iterable[Trial]) -> list[DataGuardFinding]:
    """A finding for each custom pipeline without a score: nobody should take its absence for a defeat."""
    tried = {trial.candidate.algorithm: trial for trial in trials if trial.candidate.task is not None}
    findings = []
    for pipeline in pipelines:
        trial = tried.get(pipeline.name)
        if trial is not None and trial.status is RunStatus.COMPLETED:
            continue
        reason = "the search ended before it" if trial is None else f"child {trial.iteration}: {trial.error}"
        findings.append(
            DataGuardFinding(
                guard="custom_pipeline",
                severity="warning",
                message=f"custom pipeline {pipeline.name!r} was not compared with the others ({reason}).",
                action="the best model was chosen among the others",
            )
        )
    return findings
